import assert from "node:assert/strict";
import type { Sdk } from "./sdk.ts";

/**
 * Deno's error classes that the platform's own client has when it runs in Node; for others it throws a plain `Error`.
 */
const SHIMMED = new Set([
  "AlreadyExists",
  "BadResource",
  "ConnectionRefused",
  "InvalidData",
  "NotFound",
  "PermissionDenied",
  "TimedOut",
]);

/** Asserts that an operation fails in the sandbox with this errno and Deno's class for it. */
export async function failsWith(sdk: Sdk, code: string, className: string, operation: Promise<unknown>): Promise<void> {
  const error = await operation.then(
    () => assert.fail(`nothing failed; ${code} was expected`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof Error, String(error));
  assert.equal((error as Error & { code?: string }).code, code, error.stack);
  const expected = sdk.official && !SHIMMED.has(className) ? "Error" : className;
  assert.equal(error.constructor.name, expected, error.stack);
}
