import { createReadStream } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import type { SandboxFs } from "../sandbox-fs.ts";

/** Files up to this size are read at once, because a stream would cost more than it saves. In bytes. */
const SMALL_BYTES = 1024 * 1024;
const PERMISSIONS = 0o777;

/** Copies one file, with its permissions. */
export async function uploadFile(fs: SandboxFs, local: string, remote: string, signal?: AbortSignal): Promise<void> {
  const { size, mode } = await lstat(local);
  const options = { mode: mode & PERMISSIONS, ...(signal && { signal }) };
  if (size <= SMALL_BYTES) return await fs.writeFile(remote, new Uint8Array(await readFile(local)), options);
  const stream = createReadStream(local, { highWaterMark: SMALL_BYTES });
  try {
    await fs.writeFile(remote, Readable.toWeb(stream) as ReadableStream<Uint8Array>, options);
  } finally {
    stream.destroy();
  }
}
