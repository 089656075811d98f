/**
 * A command of `sandbox.sh` ended with an exit code other than zero.
 *
 * @example
 * ```ts
 * import { Sandbox, SandboxCommandError } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const error = await sandbox.sh`exit 42`.result().catch((error) => error);
 * assert.ok(error instanceof SandboxCommandError);
 * assert.equal(error.code, 42);
 * ```
 */
export class SandboxCommandError extends Error {
  override name = "SandboxCommandError";
  /** Exit code of the command; 128 + n when signal n ended it. */
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}
