import { PRIVATE } from "../private.ts";
import { abortable } from "../transport/abort.ts";
import type { Connection } from "../transport/connection.ts";
import { toPath } from "../transport/path.ts";
import { readBytes, writeBytes } from "./content.ts";
import { FsFile } from "./file.ts";
import { toFileInfo, toTime } from "./metadata.ts";
import type { SandboxFs } from "./sandbox-fs.ts";
import { download } from "./transfer/download.ts";
import type { TransferOptions } from "./transfer/options.ts";
import { upload } from "./transfer/upload.ts";
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
import { expandGlob, walk } from "./walk.ts";

type Path = string | URL;

/** Longer text is sent as a stream. In UTF-16 code units. */
const MAX_INLINE_TEXT = 1024 * 1024;

/** Implements {@linkcode SandboxFs} over a connection. */
export class RemoteFs implements SandboxFs {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async readFile(path: Path, options?: ReadFileOptions): Promise<Uint8Array<ArrayBuffer>> {
    return await readBytes(this.#connection, toPath(path), options);
  }

  async writeFile(
    path: Path,
    data: Uint8Array | ReadableStream<Uint8Array>,
    options?: WriteFileOptions,
  ): Promise<void> {
    await writeBytes(this.#connection, toPath(path), data, options);
  }

  async readTextFile(path: Path, options?: ReadFileOptions): Promise<string> {
    // A byte order mark is part of the text, as for Deno.
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      await readBytes(this.#connection, toPath(path), options),
    );
  }

  async writeTextFile(
    path: Path,
    data: string | ReadableStream<string>,
    options: WriteFileOptions = {},
  ): Promise<void> {
    const file = toPath(path);
    if (typeof data !== "string") {
      return await writeBytes(this.#connection, file, data.pipeThrough(new TextEncoderStream()), options);
    }
    if (data.length > MAX_INLINE_TEXT) {
      return await writeBytes(this.#connection, file, new TextEncoder().encode(data), options);
    }
    const { signal, ...rest } = options;
    await abortable(this.#connection, signal, (abortId) =>
      this.#connection.call("writeTextFile", { path: file, content: data, options: rest, abortId }),
    );
  }

  async *readDir(path: Path): AsyncGenerator<DirEntry> {
    yield* await this.#connection.call("readDir", { path: toPath(path) });
  }

  async remove(path: Path, options?: RemoveOptions): Promise<void> {
    await this.#connection.call("remove", { path: toPath(path), options });
  }

  async mkdir(path: Path, options?: MkdirOptions): Promise<void> {
    await this.#connection.call("mkdir", { path: toPath(path), options });
  }

  async rename(oldPath: Path, newPath: Path): Promise<void> {
    await this.#connection.call("rename", { oldPath: toPath(oldPath), newPath: toPath(newPath) });
  }

  async stat(path: Path): Promise<FileInfo> {
    return toFileInfo(await this.#connection.call("stat", { path: toPath(path) }));
  }

  async lstat(path: Path): Promise<FileInfo> {
    return toFileInfo(await this.#connection.call("lstat", { path: toPath(path) }));
  }

  async chmod(path: Path, mode: number): Promise<void> {
    await this.#connection.call("chmod", { path: toPath(path), mode });
  }

  async chown(path: Path, uid: number | null, gid: number | null): Promise<void> {
    await this.#connection.call("chown", { path: toPath(path), uid, gid });
  }

  async copyFile(fromPath: Path, toPath_: Path): Promise<void> {
    await this.#connection.call("copyFile", { fromPath: toPath(fromPath), toPath: toPath(toPath_) });
  }

  walk(path: string, options?: WalkOptions): AsyncIterableIterator<WalkEntry> {
    return walk(this.#connection, toPath(path), options);
  }

  expandGlob(glob: string, options?: ExpandGlobOptions): AsyncIterableIterator<WalkEntry> {
    return expandGlob(this.#connection, toPath(glob), options);
  }

  async create(path: Path): Promise<FsFile> {
    const { fileHandleId } = await this.#connection.call("create", { path: toPath(path) });
    return new FsFile(PRIVATE, this.#connection, fileHandleId);
  }

  async open(path: Path, options?: OpenOptions): Promise<FsFile> {
    const { fileHandleId } = await this.#connection.call("open", { path: toPath(path), options });
    return new FsFile(PRIVATE, this.#connection, fileHandleId);
  }

  async link(target: Path, path: Path): Promise<void> {
    await this.#connection.call("link", { target: toPath(target), path: toPath(path) });
  }

  async symlink(target: Path, path: Path, options?: { type?: "file" | "dir" | "junction" }): Promise<void> {
    await this.#connection.call("symlink", { target: toPath(target), path: toPath(path), options });
  }

  async readLink(path: Path): Promise<string> {
    return await this.#connection.call("readLink", { path: toPath(path) });
  }

  async realPath(path: Path): Promise<string> {
    return await this.#connection.call("realPath", { path: toPath(path) });
  }

  async makeTempDir(options?: TempOptions): Promise<string> {
    return await this.#connection.call("makeTempDir", { options });
  }

  async makeTempFile(options?: TempOptions): Promise<string> {
    return await this.#connection.call("makeTempFile", { options });
  }

  async truncate(name: Path, len?: number): Promise<void> {
    await this.#connection.call("truncate", { name: toPath(name), length: len });
  }

  async umask(mask?: number): Promise<number> {
    return await this.#connection.call("umask", { mask });
  }

  async utime(path: Path, atime: number | Date, mtime: number | Date): Promise<void> {
    await this.#connection.call("utime", { path: toPath(path), atime: toTime(atime), mtime: toTime(mtime) });
  }

  async upload(localPath: Path, sandboxPath: Path, options?: TransferOptions): Promise<void> {
    await upload(this.#connection, this, toPath(localPath), toPath(sandboxPath), options);
  }

  async download(sandboxPath: Path, localPath: Path, options?: TransferOptions): Promise<void> {
    await download(this.#connection, this, toPath(sandboxPath), toPath(localPath), options);
  }
}
