/** An open file of a client. Its operations run one after the other, in the order of the calls. */
import { SerialQueue } from "@sandkeep/common";
import type { FileInfo, Guest } from "@sandkeep/host";
import { openStream, upload } from "../streams/guest-io.ts";
import { ReadAhead, type ReadAheadOptions } from "./read-ahead.ts";

export class FileHandle {
  /** The guest's number, and the client's. */
  readonly id: number;
  readonly path: string;
  /** Written through this handle. */
  bytesWritten = 0;
  readonly #guest: Guest;
  readonly #readAhead: ReadAhead;
  readonly #queue = new SerialQueue();
  readonly #closing = new AbortController();

  constructor(guest: Guest, id: number, path: string, readAhead: ReadAheadOptions) {
    this.#guest = guest;
    this.id = id;
    this.path = path;
    this.#readAhead = new ReadAhead(guest, id, readAhead);
  }

  /** At most `length` bytes from the position; none at the end of the file. */
  read(length: number): Promise<Buffer> {
    return this.#queue.run(() => this.#readAhead.read(length));
  }

  write(bytes: Buffer): Promise<number> {
    return this.#queue.run(async () => {
      await this.#readAhead.discard();
      const { bytesWritten } = await upload(openStream(this.#guest, "fileWrite", { handle: this.id }), bytes);
      this.bytesWritten += bytesWritten;
      return bytesWritten;
    });
  }

  seek(offset: string, whence: 0 | 1 | 2): Promise<number> {
    return this.#queue.run(async () => {
      await this.#readAhead.discard();
      return (await this.#guest.call("fileSeek", { handle: this.id, offset, whence })).position;
    });
  }

  truncate(length: number): Promise<null> {
    return this.#queue.run(async () => {
      await this.#readAhead.discard();
      return await this.#guest.call("fileTruncate", { handle: this.id, length });
    });
  }

  stat(): Promise<FileInfo> {
    return this.#queue.run(() => this.#guest.call("fileStat", { handle: this.id }));
  }

  sync(method: "fileSync" | "fileSyncData"): Promise<null> {
    return this.#queue.run(() => this.#guest.call(method, { handle: this.id }));
  }

  utime(atimeMs: number, mtimeMs: number): Promise<null> {
    return this.#queue.run(() => this.#guest.call("fileUtime", { handle: this.id, atimeMs, mtimeMs }));
  }

  /** Waits for the lock without blocking other operations; stops waiting when the handle is closed or `signal` is aborted. */
  lock(exclusive: boolean, signal: AbortSignal): Promise<null> {
    return this.#guest.call(
      "fileLock",
      { handle: this.id, exclusive },
      AbortSignal.any([signal, this.#closing.signal]),
    );
  }

  unlock(): Promise<null> {
    return this.#guest.call("fileUnlock", { handle: this.id });
  }

  close(): Promise<null> {
    this.#closing.abort();
    return this.#queue.run(() => {
      this.#readAhead.close();
      return this.#guest.call("fileClose", { handle: this.id });
    });
  }
}
