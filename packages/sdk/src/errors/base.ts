/**
 * The root of the errors that this package raises by itself. Errors that happen *inside* a sandbox (a missing file, an
 * exception in evaluated code) arrive as the class they have there, and are not instances of this one.
 *
 * @example Tell a problem of the platform from a problem of the program in the sandbox
 * ```ts
 * import { Sandbox, SandboxSdkError } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const failure = await sandbox.fs.stat("not-there").catch((error) => error);
 * assert.ok(!(failure instanceof SandboxSdkError));
 * ```
 */
export abstract class SandboxSdkError extends Error {
  override name = "SandboxSdkError";
}
