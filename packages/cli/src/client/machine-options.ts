import type { Sandbox } from "sandkeep";
import { toApiTimeout } from "../values/duration.ts";
import type { MountOptions } from "../values/mount.ts";
import { type SecretOption, secretsFrom } from "../values/secret.ts";

type CreateOptions = NonNullable<Parameters<typeof Sandbox.create>[0]>;

/** Options of the commands that create a sandbox. */
export interface MachineOptions {
  /** MiB. */
  memory?: number;
  env?: Record<string, string>;
  label?: Record<string, string>;
  allowNet?: string[];
  denyNet?: string[];
  secret?: Record<string, SecretOption>;
  /** False with `--no-net`. */
  net?: boolean;
  root?: string;
  volume?: MountOptions;
  copy?: string[];
  /** Milliseconds. */
  timeout?: number;
  /** Milliseconds. */
  idle?: number;
  onIdle?: "end" | "pause";
}

/**
 * The SDK's options for a new sandbox.
 *
 * @param variables the environment with the values of secrets
 * @throws {UsageError}
 */
export function createOptions(
  { memory, env, label, allowNet, denyNet, secret, net, root, volume, timeout, idle, onIdle }: MachineOptions,
  variables: NodeJS.ProcessEnv,
): CreateOptions {
  return {
    ...(memory !== undefined && { memory: `${memory}MiB` as const }),
    ...(env && { env }),
    ...(label && { labels: label }),
    ...(net === false ? { allowNet: [] } : allowNet && { allowNet }),
    ...(denyNet && { egress: { deny: denyNet } }),
    ...(secret && { secrets: secretsFrom(secret, variables) }),
    ...(root !== undefined && { root }),
    ...(volume && { volumes: volume }),
    ...(timeout !== undefined && { timeout: toApiTimeout(timeout) }),
    ...(idle !== undefined && { idle: toApiTimeout(idle) }),
    ...(onIdle && { onIdle }),
  };
}
