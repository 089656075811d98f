import type { Sandbox } from "sandkeep";
import { toApiTimeout } from "../values/duration.ts";

type CreateOptions = NonNullable<Parameters<typeof Sandbox.create>[0]>;

/** Options of the commands that create a sandbox. */
export interface MachineOptions {
  /** MiB. */
  memory?: number;
  env?: Record<string, string>;
  label?: Record<string, string>;
  allowNet?: string[];
  /** False with `--no-net`. */
  net?: boolean;
  copy?: string[];
  /** Milliseconds. */
  timeout?: number;
}

/** The SDK's options for a new sandbox. */
export function createOptions({ memory, env, label, allowNet, net, timeout }: MachineOptions): CreateOptions {
  return {
    ...(memory !== undefined && { memory: `${memory}MiB` as const }),
    ...(env && { env }),
    ...(label && { labels: label }),
    ...(net === false ? { allowNet: [] } : allowNet && { allowNet }),
    ...(timeout !== undefined && { timeout: toApiTimeout(timeout) }),
  };
}
