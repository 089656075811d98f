import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { lstat, mkdir, open, symlink } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { Connection } from "../transport/connection.ts";
import { contentOf } from "./content.ts";
import { runAll } from "./parallel.ts";
import type { SandboxFs } from "./sandbox_fs.ts";

const PERMISSIONS = 0o777;
/** Chunks are gathered to this many bytes before they are written: one system call for many frames. */
const WRITE_BYTES = 1024 * 1024;
const REPLACE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;

/** Copies a file of the sandbox to `local`, or a directory into it. */
export async function download(connection: Connection, fs: SandboxFs, remote: string, local: string): Promise<void> {
  const source = await fs.realPath(remote);
  const info = await fs.lstat(source);
  if (info.isFile) await downloadFile(connection, source, local, info.mode, REPLACE);
  else if (info.isDirectory) await downloadDirectory(connection, fs, source, local);
}

/**
 * Names and kinds come from the sandbox, where somebody may have made them up. So nothing is written except into directories
 * that were made here for this, never through a link, and links come last.
 */
async function downloadDirectory(connection: Connection, fs: SandboxFs, source: string, local: string): Promise<void> {
  const made = new Set([local]);
  const files: [remote: string, local: string][] = [];
  const links: [remote: string, local: string][] = [];
  for await (const entry of fs.walk(source)) {
    const target = join(local, posix.relative(posix.dirname(source), entry.path));
    if (!made.has(dirname(target))) throw new Error(`The sandbox listed ${JSON.stringify(entry.path)}, which is not below ${source}`);
    if (entry.isSymlink) links.push([entry.path, target]);
    else if (entry.isFile) files.push([entry.path, target]);
    else if (entry.isDirectory) made.add(await makeDirectory(target));
  }
  await runAll(files.map(([from, to]) => async () =>
    downloadFile(connection, from, to, (await fs.lstat(from)).mode, REPLACE | constants.O_NOFOLLOW)));
  await runAll(links.map(([from, to]) => async () => symlink(await linkText(fs, from), to)));
}

async function makeDirectory(path: string): Promise<string> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!(await lstat(path)).isDirectory()) throw error;
  }
  return path;
}

/** Where a link leads, seen from its own directory: an absolute text would name something else here. */
async function linkText(fs: SandboxFs, path: string): Promise<string> {
  const text = await fs.readLink(path);
  return posix.isAbsolute(text) ? posix.relative(posix.dirname(path), text) : text;
}

async function downloadFile(connection: Connection, remote: string, local: string, mode: number, flags: number): Promise<void> {
  const file = await open(local, flags, mode & PERMISSIONS);
  try {
    let waiting: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of contentOf(connection, remote)) {
      waiting.push(chunk);
      size += chunk.length;
      if (size < WRITE_BYTES) continue;
      await file.writeFile(Buffer.concat(waiting, size));
      waiting = [];
      size = 0;
    }
    await file.writeFile(Buffer.concat(waiting, size));
    await file.chmod(mode & PERMISSIONS);
  } finally {
    await file.close();
  }
}
