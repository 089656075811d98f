import type {
  DirEntry,
  ExpandGlobOptions,
  MkdirOptions,
  RemoveOptions,
  TempOptions,
  WalkEntry,
  WalkOptions,
} from "../types.ts";

/** Directories, names and links. Part of {@linkcode SandboxFs}. */
export interface FsTree {
  /**
   * Lists the entries of a directory, in no particular order.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const names = [];
   * for await (const { name, isDirectory } of sandbox.fs.readDir("/")) if (isDirectory) names.push(name);
   * assert.ok(names.includes("home"));
   * ```
   */
  readDir(path: string | URL): AsyncIterable<DirEntry>;

  /**
   * Creates a directory.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.mkdir("secret", { mode: 0o700 });
   * await sandbox.fs.mkdir("one/two/three", { recursive: true });
   * ```
   */
  mkdir(path: string | URL, options?: MkdirOptions): Promise<void>;

  /**
   * Creates an empty directory with a new name. Resolves to its full path. It is not removed automatically.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const path = await sandbox.fs.makeTempDir({ prefix: "build-" });
   * assert.match(path, /^\/tmp\/build-/);
   * ```
   */
  makeTempDir(options?: TempOptions): Promise<string>;

  /**
   * Removes a file, a link or a directory. A directory must be empty unless `recursive` is set.
   *
   * @example
   * ```ts
   * import { errors, Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.mkdir("a/b", { recursive: true });
   * await sandbox.fs.remove("a", { recursive: true });
   * await assert.rejects(() => sandbox.fs.stat("a"), errors.NotFound);
   * ```
   */
  remove(path: string | URL, options?: RemoveOptions): Promise<void>;

  /**
   * Renames a file or directory, and replaces a file with the new name. Renames a link itself, not its target.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("draft.txt", "…");
   * await sandbox.fs.rename("draft.txt", "final.txt");
   * ```
   */
  rename(oldPath: string | URL, newPath: string | URL): Promise<void>;

  /**
   * Copies the content and permissions of a file. Replaces an existing file.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.copyFile("/etc/hostname", "hostname.txt");
   * ```
   */
  copyFile(fromPath: string | URL, toPath: string | URL): Promise<void>;

  /**
   * Creates a hard link `path` to the file `target`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "one file");
   * await sandbox.fs.link("a.txt", "b.txt");
   * assert.equal((await sandbox.fs.stat("b.txt")).nlink, 2);
   * ```
   */
  link(target: string | URL, path: string | URL): Promise<void>;

  /**
   * Creates a symbolic link `path` to `target`, which need not exist and is relative to the link's directory. The type has no
   * effect on Linux.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "content");
   * await sandbox.fs.symlink("a.txt", "latest.txt");
   * assert.equal(await sandbox.fs.readTextFile("latest.txt"), "content");
   * ```
   */
  symlink(target: string | URL, path: string | URL, options?: { type?: "file" | "dir" | "junction" }): Promise<void>;

  /**
   * Gets the target of a symbolic link, as it was written.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.symlink("../somewhere", "link");
   * assert.equal(await sandbox.fs.readLink("link"), "../somewhere");
   * ```
   */
  readLink(path: string | URL): Promise<string>;

  /**
   * Gets the full path, with all links resolved.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.equal(await sandbox.fs.realPath("."), "/home/app");
   * ```
   */
  realPath(path: string | URL): Promise<string>;

  /**
   * Lists a directory and everything below it, each directory before its content.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.sh`mkdir -p src/deep && touch src/a.ts src/deep/b.ts src/c.txt`;
   * const paths = [];
   * for await (const entry of sandbox.fs.walk("src", { exts: [".ts"] })) paths.push(entry.path);
   * assert.deepEqual(paths.sort(), ["src/a.ts", "src/deep/b.ts"]);
   * ```
   */
  walk(path: string, options?: WalkOptions): AsyncIterableIterator<WalkEntry>;

  /**
   * Lists what a glob pattern matches.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.sh`mkdir -p src/deep && touch src/a.ts src/deep/b.ts`;
   * const names = [];
   * for await (const entry of sandbox.fs.expandGlob("src/**" + "/*.ts")) names.push(entry.name);
   * assert.deepEqual(names.sort(), ["a.ts", "b.ts"]);
   * ```
   */
  expandGlob(glob: string, options?: ExpandGlobOptions): AsyncIterableIterator<WalkEntry>;
}
