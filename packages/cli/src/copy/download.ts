import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Sandbox } from "sandkeep";

/** Copies a file or directory out of a sandbox, as cp(1) would. */
export async function download(sandbox: Sandbox, path: string, destination: string): Promise<void> {
  const source = await sandbox.fs.realPath(path);
  const { isDirectory } = await sandbox.fs.stat(source);
  const into = destination.endsWith("/") || await stat(destination).then((info) => info.isDirectory(), () => false);
  if (destination.endsWith("/")) await mkdir(destination, { recursive: true });
  if (into) return await sandbox.fs.download(source, isDirectory ? destination : join(destination, basename(source)));
  await mkdir(dirname(destination), { recursive: true });
  if (!isDirectory) return await sandbox.fs.download(source, destination);
  // The SDK puts a directory under its own name; under another it gets there by a rename, whole or not at all.
  const temporary = await mkdtemp(join(dirname(destination), ".sandkeep-"));
  try {
    await sandbox.fs.download(source, temporary);
    await rename(join(temporary, basename(source)), destination);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
