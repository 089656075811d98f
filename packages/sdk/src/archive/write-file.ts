import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, unlink } from "node:fs/promises";
import type { Entry } from "./header.ts";
import { LINKS_ARE_SAFE, type LocalPath, named, shown } from "./local-path.ts";

/** Chunks are collected up to this many bytes before they are written: one system call for many frames. */
const WRITE_BYTES = 1024 * 1024;
/** Runs of zeros of at least this many bytes become a hole: what is sparse in the sandbox stays sparse here. */
const HOLE_BYTES = 16 * 1024;
const ZEROS = Buffer.alloc(WRITE_BYTES);

/**
 * Never through a link (on Windows, which has no such flag, see {@link refuseLink}), and never waiting for the reader of a
 * FIFO.
 */
const REPLACE =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_TRUNC |
  (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);

/** Writes a whole file. */
export async function writeSmall(path: LocalPath, entry: Entry, content: Buffer): Promise<void> {
  await writing(path, entry, (file) => file.writeFile(content));
}

/** Writes a file as its content arrives. */
export async function writeStream(path: LocalPath, entry: Entry, content: AsyncIterable<Buffer>): Promise<void> {
  await writing(path, entry, async (file) => {
    let waiting: Buffer[] = [];
    let held = 0;
    let position = 0;
    const flush = async () => {
      for (let bytes = Buffer.concat(waiting); bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, 0, bytes.length, position);
        position += bytesWritten;
        bytes = bytes.subarray(bytesWritten);
      }
      waiting = [];
      held = 0;
    };
    for await (const piece of content) {
      const hole =
        piece.length >= HOLE_BYTES && piece.length <= ZEROS.length && piece.equals(ZEROS.subarray(0, piece.length));
      if (!hole) {
        waiting.push(piece);
        held += piece.length;
      }
      if (hole || held >= WRITE_BYTES) await flush();
      if (hole) position += piece.length;
    }
    await flush();
    await file.truncate(position);
  });
}

/** Opens a file, lets `write` fill it, and sets its mode and time. Removes the file if that fails. */
async function writing(
  path: LocalPath,
  { mode, modified }: Entry,
  write: (file: FileHandle) => Promise<unknown>,
): Promise<void> {
  if (!LINKS_ARE_SAFE) await refuseLink(path);
  const file = await open(path, REPLACE, mode);
  try {
    await write(file);
    await file.chmod(mode);
    await file.utimes(Number(modified), Number(modified)).catch(() => {});
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    await unlink(path).catch(() => {});
    throw named(error, path);
  }
}

/**
 * For systems where opening a file always follows links. No links are created there, so none can appear between check and
 * open.
 */
export async function refuseLink(path: LocalPath): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (info?.isSymbolicLink())
    throw Object.assign(new Error(`ELOOP: there is a link '${shown(path)}'`), {
      code: "ELOOP",
      syscall: "open",
      path: shown(path),
    });
}
