import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Sandbox, TransferOptions } from "sandkeep";
import { CliError } from "../errors.ts";
import { isContents, nameInSandbox } from "./place.ts";

/** Copies a file or directory out of a sandbox, as cp(1) would. @throws {CliError} NOT_A_FILE */
export async function download(sandbox: Sandbox, path: string, destination: string, options: TransferOptions = {}): Promise<void> {
  const { isDirectory, isFile } = await sandbox.fs.stat(path);
  if (!isDirectory && !isFile) throw new CliError("NOT_A_FILE", `${path} is neither a file nor a directory`, { hint: "read it with a command: sandkeep exec <id> -- head -c 100 <path>" });
  const exists = await stat(destination).then((info) => info.isDirectory(), () => false);
  const into = exists || destination.endsWith("/");
  if (into) await mkdir(destination, { recursive: true });
  else await mkdir(dirname(destination), { recursive: true });
  if (isFile) return await sandbox.fs.download(path, into ? join(destination, nameInSandbox(path)) : destination, options);
  if (isContents(path)) return await sandbox.fs.download(path, destination, { ...options, contents: true });
  if (into) return await sandbox.fs.download(path, destination, options);
  // Under a new name it gets there by a rename, whole or not at all.
  const temporary = await mkdtemp(join(dirname(destination), ".sandkeep-"));
  try {
    await sandbox.fs.download(path, join(temporary, "copy"), { ...options, contents: true });
    await rename(join(temporary, "copy"), destination);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
