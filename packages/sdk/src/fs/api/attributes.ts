import type { FileInfo } from "../types.ts";

/** Metadata, permissions, owners and times of files. Part of {@linkcode SandboxFs}. */
export interface FsAttributes {
  /**
   * Gets the metadata of a file. Follows links.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const info = await sandbox.fs.stat("/home/app");
   * assert.ok(info.isDirectory);
   * ```
   */
  stat(path: string | URL): Promise<FileInfo>;

  /** Gets the metadata of a file, or of a link itself. */
  lstat(path: string | URL): Promise<FileInfo>;

  /**
   * Sets permissions, such as `0o755`, regardless of the umask.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("run.sh", "#!/bin/sh\necho ran");
   * await sandbox.fs.chmod("run.sh", 0o755);
   * assert.equal(await sandbox.sh`./run.sh`.text(), "ran\n");
   * ```
   */
  chmod(path: string | URL, mode: number): Promise<void>;

  /**
   * Sets the owning user and group, by id. Null leaves one unchanged.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("mine.txt", "");
   * const { gid } = await sandbox.fs.stat("mine.txt");
   * await sandbox.fs.chown("mine.txt", null, gid);
   * ```
   */
  chown(path: string | URL, uid: number | null, gid: number | null): Promise<void>;

  /**
   * Sets the access and modification times, as a `Date` or in seconds since 1970.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "");
   * await sandbox.fs.utime("a.txt", 1_700_000_000, new Date());
   * assert.equal((await sandbox.fs.stat("a.txt")).atime.getTime(), 1_700_000_000_000);
   * ```
   */
  utime(path: string | URL, atime: number | Date, mtime: number | Date): Promise<void>;

  /**
   * Gets the umask: the permissions that new files do not get. Sets it when `mask` is given, and resolves to the previous
   * one.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const before = await sandbox.fs.umask(0o077);
   * assert.equal(await sandbox.fs.umask(before), 0o077);
   * ```
   */
  umask(mask?: number): Promise<number>;
}
