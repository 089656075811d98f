import type { FsFile } from "./file.ts";
import type {
  DirEntry,
  ExpandGlobOptions,
  FileInfo,
  MkdirOptions,
  OpenOptions,
  ReadFileOptions,
  RemoveOptions,
  TempOptions,
  WalkEntry,
  WalkOptions,
  WriteFileOptions,
} from "./types.ts";

/**
 * The files of a sandbox. Paths are relative to `/home/app`; a `URL` must be a `file:` URL. Files are read and written as the
 * user `app`. Methods reject with Deno's error classes, see {@linkcode errors}: `NotFound`, `PermissionDenied`, `AlreadyExists`,
 * `IsADirectory`, `NotADirectory` and others.
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
export interface SandboxFs {
  /**
   * Reads a file.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeFile("data.bin", new Uint8Array([1, 2, 3]));
   * const data = await sandbox.fs.readFile("data.bin", { signal: AbortSignal.timeout(5_000) });
   * assert.deepEqual(data, new Uint8Array([1, 2, 3]));
   * ```
   */
  readFile(path: string | URL, options?: ReadFileOptions): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Writes a file: makes it or replaces what is in it, unless the options say otherwise. A stream is sent as it comes, whatever
   * its length.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeFile("log.bin", new Uint8Array([1]), { mode: 0o600 });
   * await sandbox.fs.writeFile("log.bin", new Uint8Array([2]), { append: true });
   * const { size, mode } = await sandbox.fs.stat("log.bin");
   * assert.equal(size, 2);
   * assert.equal(mode & 0o777, 0o600);
   * ```
   */
  writeFile(
    path: string | URL,
    data: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    options?: WriteFileOptions,
  ): Promise<void>;

  /**
   * Reads a file as UTF-8 text.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.match(await sandbox.fs.readTextFile("/etc/os-release"), /Debian/);
   * ```
   */
  readTextFile(path: string | URL, options?: ReadFileOptions): Promise<string>;

  /**
   * Writes text to a file as UTF-8, see {@linkcode writeFile}.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("lines.txt", ReadableStream.from(["one\n", "two\n"]));
   * assert.equal(await sandbox.fs.readTextFile("lines.txt"), "one\ntwo\n");
   * ```
   */
  writeTextFile(path: string | URL, data: string | ReadableStream<string>, options?: WriteFileOptions): Promise<void>;

  /**
   * The entries of a directory, in no order.
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
   * Removes a file, a link or a directory, which must be empty unless `recursive` is set.
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
   * Makes a directory.
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
   * Gives a file or directory another name, and replaces a file that has it. A link is renamed, not what it leads to.
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
   * Metadata of a file, or of what a link leads to.
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

  /**
   * Sets permissions, such as `0o755`, whatever the umask is.
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
   * Sets the owning user and group, by id; null leaves one as it is.
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
   * Copies the content and permissions of a file, and replaces a file that exists.
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
   * A directory and everything below it, directories before what is in them.
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
   * What a pattern matches.
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

  /**
   * Opens a file for reading and writing, made or emptied.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await using file = await sandbox.fs.create("new.txt");
   * await file.write(new TextEncoder().encode("first line\n"));
   * ```
   */
  create(path: string | URL): Promise<FsFile>;

  /**
   * Gives the file `target` a second name, `path`.
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

  /** Metadata of a file, or of a link itself. */
  lstat(path: string | URL): Promise<FileInfo>;

  /**
   * Makes an empty directory of a new name, and gives its whole path. Nobody removes it for you.
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
   * Makes an empty file of a new name, and gives its whole path. Nobody removes it for you.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const path = await sandbox.fs.makeTempFile({ suffix: ".json" });
   * assert.match(path, /\.json$/);
   * ```
   */
  makeTempFile(options?: TempOptions): Promise<string>;

  /**
   * Opens a file, for reading unless the options say otherwise.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   *
   * await using sandbox = await Sandbox.create();
   * await using file = await sandbox.fs.open("notes.txt", { append: true, create: true });
   * await file.write(new TextEncoder().encode("one more line\n"));
   * ```
   */
  open(path: string | URL, options?: OpenOptions): Promise<FsFile>;

  /**
   * The text of a symbolic link: where it leads, as it was written.
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
   * The whole path, without links on the way.
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
   * Makes a symbolic link `path` that leads to `target`, which need not exist and is relative to the link's directory. The type
   * means nothing on Linux.
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
   * Cuts a file to `len` bytes, or extends it with zeroes; to nothing without `len`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "hello world");
   * await sandbox.fs.truncate("a.txt", 5);
   * assert.equal(await sandbox.fs.readTextFile("a.txt"), "hello");
   * ```
   */
  truncate(name: string | URL, len?: number): Promise<void>;

  /**
   * The permissions that new files do not get; sets them when `mask` is given, and resolves to those before.
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

  /**
   * Sets when a file was last read and changed: as a `Date`, or in seconds since 1970.
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
   * Copies a file of this machine to the path given, or a directory, with all that is in it, *into* the directory given.
   * Permissions are kept; links inside of the directory are copied as links. Rejects with the system's error when something
   * cannot be read here.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import { mkdtemp, writeFile } from "node:fs/promises";
   * import { tmpdir } from "node:os";
   * import { basename } from "node:path";
   * import assert from "node:assert/strict";
   *
   * const here = await mkdtemp(`${tmpdir()}/project-`);
   * await writeFile(`${here}/main.ts`, "console.log(1)");
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.upload(`${here}/main.ts`, "copy.ts"); // a file
   * await sandbox.fs.upload(here, "/app"); // a directory
   * assert.ok((await sandbox.fs.stat(`/app/${basename(here)}/main.ts`)).isFile);
   * ```
   */
  upload(localPath: string | URL, sandboxPath: string | URL): Promise<void>;

  /**
   * Copies a file of the sandbox to the path given on this machine, or a directory, with all that is in it, *into* the directory
   * given. Permissions are kept; links inside of the directory are copied as links.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import { mkdtemp, readFile } from "node:fs/promises";
   * import { tmpdir } from "node:os";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.sh`mkdir -p out/deep && echo done > out/deep/report.txt`;
   * const here = await mkdtemp(`${tmpdir()}/results-`);
   * await sandbox.fs.download("out", here);
   * assert.equal(await readFile(`${here}/out/deep/report.txt`, "utf8"), "done\n");
   * ```
   */
  download(sandboxPath: string | URL, localPath: string | URL): Promise<void>;
}
