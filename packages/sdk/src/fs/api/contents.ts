import type { FsFile } from "../file.ts";
import type { OpenOptions, ReadFileOptions, TempOptions, WriteFileOptions } from "../types.ts";

/** Reading, writing and opening files. Part of {@linkcode SandboxFs}. */
export interface FsContents {
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
   * Writes a file: creates it or replaces its content, unless the options say otherwise. A stream is sent as it arrives and
   * may have any length.
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
   * Writes text to a file as UTF-8; see {@linkcode writeFile}.
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
   * Creates or empties a file, and opens it for reading and writing.
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
   * Truncates a file to `len` bytes, or extends it with zeros. Empties it without `len`.
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
   * Creates an empty file with a new name. Resolves to its full path. It is not removed automatically.
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
}
