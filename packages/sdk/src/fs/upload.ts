import { createReadStream } from "node:fs";
import { lstat, opendir, readFile, readlink, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, posix, relative } from "node:path";
import { Readable } from "node:stream";
import { runAll } from "./parallel.ts";
import type { SandboxFs } from "./sandbox_fs.ts";

/** Files up to this size are read at once, in bytes: a stream costs more than it saves. */
const SMALL_BYTES = 1024 * 1024;
const PERMISSIONS = 0o777;

interface Plan {
  directories: string[];
  files: [local: string, remote: string][];
  links: [text: string, remote: string][];
}

/** Copies a local file to `remote`, or a local directory into it. */
export async function upload(fs: SandboxFs, local: string, remote: string): Promise<void> {
  const source = await realpath(local);
  const info = await lstat(source);
  if (info.isFile()) return await uploadFile(fs, source, remote);
  if (!info.isDirectory()) return;
  const plan: Plan = { directories: [], files: [], links: [] };
  await planDirectory(plan, source, posix.join(remote, basename(source)));
  // Parents come before what is in them.
  for (const directory of plan.directories) await fs.mkdir(directory, { recursive: true });
  await runAll(plan.files.map(([from, to]) => () => uploadFile(fs, from, to)));
  await runAll(plan.links.map(([text, to]) => () => fs.symlink(text, to)));
}

async function planDirectory(plan: Plan, local: string, remote: string): Promise<void> {
  plan.directories.push(remote);
  for await (const entry of await opendir(local)) {
    const from = join(local, entry.name);
    const to = posix.join(remote, entry.name);
    if (entry.isSymbolicLink()) plan.links.push([await linkText(from), to]);
    else if (entry.isDirectory()) await planDirectory(plan, from, to);
    else if (entry.isFile()) plan.files.push([from, to]);
  }
}

/** Where a link leads, seen from its own directory: an absolute text would name something else in the sandbox. */
async function linkText(path: string): Promise<string> {
  const text = await readlink(path);
  return isAbsolute(text) ? relative(dirname(path), text) : text;
}

async function uploadFile(fs: SandboxFs, local: string, remote: string): Promise<void> {
  const { size, mode } = await lstat(local);
  const options = { mode: mode & PERMISSIONS };
  if (size <= SMALL_BYTES) return await fs.writeFile(remote, new Uint8Array(await readFile(local)), options);
  const stream = createReadStream(local, { highWaterMark: SMALL_BYTES });
  try {
    await fs.writeFile(remote, Readable.toWeb(stream) as ReadableStream<Uint8Array>, options);
  } finally {
    stream.destroy();
  }
}
