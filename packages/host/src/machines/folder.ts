/**
 * Folders of machines: `<runDir>/<vm>/`, each with a machine's disk, sockets and, once it is somebody's, its record.
 * Everything a machine leaves behind is in its folder.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** What is known of a machine after a crash of ours. */
const recordSchema = z.object({
  id: z.string(),
  pid: z.number().int().positive(),
  memoryMiB: z.number().int().positive(),
  keep: z.boolean(),
});
export type MachineRecord = z.infer<typeof recordSchema>;

/** Makes a folder for a machine yet to be started. */
export function createFolder(runDir: string): string {
  const dir = join(runDir, randomBytes(6).toString("hex"));
  mkdirSync(dir, { mode: 0o700 });
  return dir;
}

/** All machines' folders. */
export async function listFolders(runDir: string): Promise<string[]> {
  const entries = await readdir(runDir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(runDir, entry.name));
}

/** Notes whose machine it is. Atomic: a reader sees all of it or nothing. */
export async function writeRecord(dir: string, record: MachineRecord): Promise<void> {
  await writeFile(join(dir, "machine.new"), JSON.stringify(record));
  await rename(join(dir, "machine.new"), join(dir, "machine.json"));
}

export async function readRecord(dir: string): Promise<MachineRecord | null> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(join(dir, "machine.json"), "utf8")));
  } catch {
    return null;
  }
}

export async function removeFolder(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}
