/**
 * The error classes of failed operations inside a sandbox, with Deno's names. In Deno these are `Deno.errors` itself;
 * elsewhere they are classes with the same names.
 */

type ErrorClass = new (message?: string) => Error & { code?: string };

const NAMES = [
  "AddrInUse",
  "AddrNotAvailable",
  "AlreadyExists",
  "BadResource",
  "BrokenPipe",
  "Busy",
  "ConnectionAborted",
  "ConnectionRefused",
  "ConnectionReset",
  "FilesystemLoop",
  "Http",
  "Interrupted",
  "InvalidData",
  "IsADirectory",
  "NetworkUnreachable",
  "NotADirectory",
  "NotCapable",
  "NotConnected",
  "NotFound",
  "NotSupported",
  "PermissionDenied",
  "TimedOut",
  "UnexpectedEof",
  "WouldBlock",
  "WriteZero",
] as const;

type OsErrorName = (typeof NAMES)[number];

const native = (globalThis as { Deno?: { errors?: Partial<Record<string, ErrorClass>> } }).Deno?.errors ?? {};

function define(name: OsErrorName): ErrorClass {
  const Class = class extends Error {
    override name = name;
  };
  Object.defineProperty(Class, "name", { value: name });
  return Class;
}

/**
 * Deno's error classes, for `instanceof`. `error.code` is the name of the errno, such as `ENOENT`.
 *
 * @example
 * ```ts
 * import { errors, Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const error = await sandbox.fs.readTextFile("not-there.txt").catch((error) => error);
 * assert.ok(error instanceof errors.NotFound);
 * assert.equal(error.code, "ENOENT");
 * ```
 */
export const errors: Readonly<Record<OsErrorName, ErrorClass>> = Object.fromEntries(
  NAMES.map((name) => [name, native[name] ?? define(name)]),
) as Record<OsErrorName, ErrorClass>;
