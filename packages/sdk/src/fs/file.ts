import { requirePrivate } from "../private.ts";
import type { Bytes } from "../transport/bytes.ts";
import { fromBase64, toBase64 } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";
import { toFileInfo, toTime } from "./metadata.ts";
import type { SeekMode } from "./seek-mode.ts";
import type { FileInfo } from "./types.ts";

/** How much {@linkcode FsFile.readable} requests at a time, in bytes: few round trips, and little memory. */
const READ_BYTES = 256 * 1024;
/** Most that one call writes, in bytes, so that a frame stays far below the server's limit. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

/**
 * An open file in a sandbox. Close it, best with `await using`; the end of the connection closes it too.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * await sandbox.fs.writeTextFile("hello.txt", "hello world");
 * await using file = await sandbox.fs.open("hello.txt", { read: true });
 * const buffer = new Uint8Array(5);
 * const count = await file.read(buffer);
 * assert.equal(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), "hello");
 * ```
 */
export class FsFile implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #fileHandleId: number;
  #closed = false;

  /** @internal */
  constructor(key: symbol, connection: Connection, fileHandleId: number) {
    requirePrivate(key, "FsFile", "sandbox.fs.open() or sandbox.fs.create()");
    this.#connection = connection;
    this.#fileHandleId = fileHandleId;
  }

  /**
   * The rest of the file, from its position to its end.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "streamed");
   * await using file = await sandbox.fs.open("a.txt");
   * assert.equal(await new Response(file.readable).text(), "streamed");
   * ```
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream<Bytes>(
      {
        pull: async (controller) => {
          const data = await this.#read(READ_BYTES);
          if (data) controller.enqueue(data);
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * A stream that writes to the file. Closing the stream does not close the file.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using file = await sandbox.fs.create("a.txt");
   * await ReadableStream.from(["hello ", "world"]).pipeThrough(new TextEncoderStream()).pipeTo(file.writable);
   * assert.equal(await sandbox.fs.readTextFile("a.txt"), "hello world");
   * ```
   */
  get writable(): WritableStream<Uint8Array<ArrayBuffer>> {
    return new WritableStream<Bytes>({
      write: async (chunk) => {
        for (let at = 0; at < chunk.byteLength; ) at += await this.write(chunk.subarray(at));
      },
    });
  }

  /**
   * Writes bytes at the file's position and advances it. Resolves to the number of bytes written, which may be less than
   * given.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using file = await sandbox.fs.create("data.bin");
   * assert.equal(await file.write(new Uint8Array([1, 2, 3])), 3);
   * ```
   */
  async write(p: Uint8Array<ArrayBuffer>): Promise<number> {
    const data = toBase64(p.subarray(0, MAX_WRITE_BYTES));
    const { bytesWritten } = await this.#connection.call("fileWrite", { fileHandleId: this.#fileHandleId, data });
    return bytesWritten;
  }

  /**
   * Reads into `p` from the file's position and advances it. Resolves to the number of bytes read, which may be less than
   * fit, and to null at the end of the file.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "abc");
   * await using file = await sandbox.fs.open("a.txt");
   * assert.equal(await file.read(new Uint8Array(10)), 3);
   * assert.equal(await file.read(new Uint8Array(10)), null);
   * ```
   */
  async read(p: Uint8Array<ArrayBufferLike>): Promise<number | null> {
    if (p.length === 0) return 0;
    const data = await this.#read(p.length);
    if (!data) return null;
    p.set(data);
    return data.length;
  }

  /**
   * Truncates the file to `len` bytes, or extends it with zeros. Empties it without `len`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "hello world");
   * await using file = await sandbox.fs.open("a.txt", { write: true });
   * await file.truncate(5);
   * assert.equal(await sandbox.fs.readTextFile("a.txt"), "hello");
   * ```
   */
  async truncate(len?: number): Promise<void> {
    await this.#connection.call("fileTruncate", { fileHandleId: this.#fileHandleId, len });
  }

  /**
   * Moves the file's position to `offset` bytes from `whence`. Resolves to the new position, in bytes from the start.
   *
   * @example
   * ```ts
   * import { Sandbox, SeekMode } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await sandbox.fs.writeTextFile("a.txt", "0123456789");
   * await using file = await sandbox.fs.open("a.txt");
   * assert.equal(await file.seek(2, SeekMode.Start), 2);
   * assert.equal(await file.seek(3, SeekMode.Current), 5);
   * assert.equal(await file.seek(-4n, SeekMode.End), 6);
   * ```
   */
  async seek(offset: number | bigint, whence: SeekMode): Promise<number> {
    const wire = typeof offset === "bigint" ? offset.toString() : offset;
    const { position } = await this.#connection.call("fileSeek", {
      fileHandleId: this.#fileHandleId,
      offset: wire,
      whence,
    });
    return position;
  }

  /** Gets its metadata. */
  async stat(): Promise<FileInfo> {
    return toFileInfo(await this.#connection.call("fileStat", { fileHandleId: this.#fileHandleId }));
  }

  /** Flushes content and metadata to the disk. */
  async sync(): Promise<void> {
    await this.#connection.call("fileSync", { fileHandleId: this.#fileHandleId });
  }

  /** Flushes the content to the disk. */
  async syncData(): Promise<void> {
    await this.#connection.call("fileSyncData", { fileHandleId: this.#fileHandleId });
  }

  /**
   * Sets its access and modification times, as a `Date` or in seconds since 1970.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using file = await sandbox.fs.create("a.txt");
   * await file.utime(1_700_000_000, new Date("2024-02-29T12:00:00Z"));
   * const { atime, mtime } = await file.stat();
   * assert.equal(atime.getTime(), 1_700_000_000_000);
   * assert.equal(mtime.toISOString(), "2024-02-29T12:00:00.000Z");
   * ```
   */
  async utime(atime: number | Date, mtime: number | Date): Promise<void> {
    await this.#connection.call("fileUtime", {
      fileHandleId: this.#fileHandleId,
      atime: toTime(atime),
      mtime: toTime(mtime),
    });
  }

  /**
   * Waits for an advisory lock on the file (`flock`): a shared one, unless `exclusive` is true.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * await using file = await sandbox.fs.create("lock");
   * await file.lock(true);
   * const { status } = await sandbox.sh`flock --nonblock lock true`.noThrow();
   * assert.equal(status.success, false);
   * await file.unlock();
   * ```
   */
  async lock(exclusive?: boolean): Promise<void> {
    await this.#connection.call("fileLock", { fileHandleId: this.#fileHandleId, exclusive });
  }

  /** Releases the lock. */
  async unlock(): Promise<void> {
    await this.#connection.call("fileUnlock", { fileHandleId: this.#fileHandleId });
  }

  /** Closes it. Does nothing if it is closed already. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#connection.call("fileClose", { fileHandleId: this.#fileHandleId });
  }

  /** Closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #read(length: number): Promise<Bytes | null> {
    const { data } = await this.#connection.call("fileRead", { fileHandleId: this.#fileHandleId, length });
    return data === null ? null : fromBase64(data);
  }
}
