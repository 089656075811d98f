import { Buffer } from "node:buffer";
import { lstat, open, unlink } from "node:fs/promises";
import { named } from "../../archive/local-path.ts";
import type { Connection } from "../../transport/connection.ts";
import { contentOf } from "../content.ts";

const PERMISSIONS = 0o777;
/** Chunks are collected up to this many bytes before they are written: one system call for many frames. */
const WRITE_BYTES = 1024 * 1024;

/** Copies one file with its permissions. If that fails, no partial file stays. */
export async function downloadFile(
  connection: Connection,
  remote: string,
  local: string,
  { mode, flags, signal }: { mode: number; flags: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const file = await open(local, flags, mode & PERMISSIONS);
  try {
    let waiting: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of contentOf(connection, remote, signal)) {
      waiting.push(chunk);
      size += chunk.length;
      if (size < WRITE_BYTES) continue;
      await file.writeFile(Buffer.concat(waiting, size));
      waiting = [];
      size = 0;
    }
    await file.writeFile(Buffer.concat(waiting, size));
    await file.chmod(mode & PERMISSIONS);
  } catch (error) {
    // Leave a device, or a link to a file, as it is.
    if ((await lstat(local)).isFile()) await unlink(local);
    throw named(error, local);
  } finally {
    await file.close();
  }
}
