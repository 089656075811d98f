import type { WireExit } from "../transport/methods.ts";
import type { Signal } from "./signal.ts";

/**
 * How a process ended.
 *
 * @example
 * ```ts
 * import { type ChildProcessStatus, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const child = await sandbox.spawn("bash", { args: ["-c", "kill -TERM $$"] });
 * const status: ChildProcessStatus = await child.status;
 * assert.deepEqual(status, { success: false, code: 143, signal: "SIGTERM", oom: false });
 * ```
 */
export interface ChildProcessStatus {
  /** Whether it ended with code 0. */
  success: boolean;
  /** Exit code; 128 + n when signal n ended it. */
  code: number;
  /** The signal that ended it; null if none did. */
  signal: Signal | null;
  /** Whether it, or a process it started, ran out of memory. Only with code 137. */
  oom: boolean;
  /** The sandbox's memory in MiB, if it ran out. */
  memoryMiB?: number;
}

/** Everything that a process printed, and how it ended. Outputs that were not `"piped"` are null. */
export interface ChildProcessOutput {
  /** How it ended. */
  status: ChildProcessStatus;
  /** Its standard output, as bytes. */
  readonly stdout: Uint8Array<ArrayBuffer> | null;
  /** Its standard error, as bytes. */
  readonly stderr: Uint8Array<ArrayBuffer> | null;
  /** Its standard output, as UTF-8 text. */
  readonly stdoutText: string | null;
  /** Its standard error, as UTF-8 text. */
  readonly stderrText: string | null;
}

/** A status from its form on the wire. */
export function toStatus({ success, code, signal, oom, memoryMiB }: WireExit): ChildProcessStatus {
  return {
    success,
    code,
    signal: signal as Signal | null,
    oom: Boolean(oom),
    ...(memoryMiB !== undefined && { memoryMiB }),
  };
}
