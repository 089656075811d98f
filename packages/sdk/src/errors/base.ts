/**
 * Base class of the errors that this package itself raises. Errors that happen *inside* a sandbox, such as a missing file
 * or an exception in evaluated code, keep the class they have there and are not instances of this one.
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
