import type { FsAttributes } from "./api/attributes.ts";
import type { FsContents } from "./api/contents.ts";
import type { FsTransfer } from "./api/transfer.ts";
import type { FsTree } from "./api/tree.ts";

/**
 * The files of a sandbox. Paths are relative to `/home/app`; a `URL` must be a `file:` URL. Files are read and written as
 * the user `app`. Methods reject with Deno's error classes (see {@linkcode errors}): `NotFound`, `PermissionDenied`,
 * `AlreadyExists`, `IsADirectory`, `NotADirectory` and others.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * await sandbox.fs.writeTextFile("hello.txt", "hello");
 * assert.equal(await sandbox.fs.readTextFile("/home/app/hello.txt"), "hello");
 * ```
 */
export interface SandboxFs extends FsContents, FsTree, FsAttributes, FsTransfer {}
