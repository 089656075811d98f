/**
 * Folders of machines: `<runDir>/<vm>/`, each with a machine's disk, sockets and, once it is somebody's, its record. A folder is
 * the server's alone: of what is in it, the jailed process can write the contents of its disk, and nothing else. Everything a
 * machine leaves behind is in its folder.
 */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readOwnFile, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import { meterStartSchema } from "./meter.ts";

const RECORD = "machine.json";

/** Whose machine it is, and whether it is kept when the server goes. */
const recordSchema = z.object({
  id: z.string(),
  /** The control plane that asked for it; null in records of versions that knew one only. */
  owner: z.string().nullable().default(null),
  memoryMiB: z.number().int().positive(),
  keep: z.boolean(),
  meter: meterStartSchema.nullable().default(null),
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

/**
 * Notes whose machine it is. Atomic: a reader sees all of it or nothing.
 *
 * @param options.durable whether the record also survives a power cut once this resolves (default true). A machine does not, so creating one
 *   need not wait for the disk.
 */
export async function writeRecord(dir: string, record: MachineRecord, options?: { durable?: boolean }): Promise<void> {
  await writeFileAtomically(join(dir, RECORD), JSON.stringify(record), options);
}

/** Null when there is none that can be believed: one in a folder that is not the server's alone cannot. */
export async function readRecord(dir: string): Promise<MachineRecord | null> {
  try {
    if (!isOurs(dir)) return null;
    return recordSchema.parse(JSON.parse((await readOwnFile(join(dir, RECORD))) ?? "null"));
  } catch {
    return null;
  }
}

/** Whether a folder is this user's, and nobody else may look or write into it. */
export function isOurs(dir: string): boolean {
  const stat = lstatSync(dir);
  return stat.isDirectory() && stat.uid === process.getuid!() && (stat.mode & 0o077) === 0;
}

export async function removeFolder(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}
