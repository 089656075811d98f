import { randomUUID } from "node:crypto";
import { mkdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Sandbox, TransferOptions } from "sandkeep";
import { CliError } from "../errors.ts";
import { isContents, nameInSandbox } from "./place.ts";
import { removeTree } from "./remove-tree.ts";

/** Copies a file or directory from a sandbox, like cp(1). @throws {CliError} NOT_A_FILE */
export async function download(
  sandbox: Sandbox,
  path: string,
  destination: string,
  options: TransferOptions = {},
): Promise<void> {
  const { isDirectory, isFile } = await sandbox.fs.stat(path);
  if (!isDirectory && !isFile)
    throw new CliError("NOT_A_FILE", `${path} is neither a file nor a directory`, {
      hint: "read it with a command: sandkeep exec <id> -- head -c 100 <path>",
    });
  const exists = await stat(destination).then(
    (info) => info.isDirectory(),
    () => false,
  );
  const into = exists || destination.endsWith("/");
  if (into) await mkdir(destination, { recursive: true });
  else await mkdir(dirname(destination), { recursive: true });
  if (isFile)
    return await sandbox.fs.download(path, into ? join(destination, nameInSandbox(path)) : destination, options);
  if (isContents(path)) return await sandbox.fs.download(path, destination, { ...options, contents: true });
  if (into) return await sandbox.fs.download(path, destination, options);
  // A copy with a new name is completed by a rename, so it is there completely or not at all. It is created in the same
  // directory, because a directory without write permission cannot be moved into another one.
  const temporary = join(dirname(destination), `.sandkeep-${randomUUID()}`);
  try {
    await sandbox.fs.download(path, temporary, { ...options, contents: true });
    await rename(temporary, destination);
  } catch (error) {
    // The original error matters more than a failed clean-up.
    await removeTree(temporary).catch(() => {});
    throw error;
  }
}
