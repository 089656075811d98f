/**
 * Folders of machines: `<runDir>/<vm>/` has a machine's disk and sockets and, once it is assigned, its record. A folder
 * belongs to the server: the jailed process can only write the content of its disk. Everything a machine leaves behind
 * is in its folder.
 */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readOwnFile, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import { ROOT_SLOT, SLOTS } from "../engine/engine.ts";
import { meterStartSchema } from "./meter.ts";
import { rootRecordSchema, sourceSchema } from "./source.ts";

/** Its name in a machine's folder. */
export const MACHINE_RECORD = "machine.json";

const slotRecordSchema = z.object({
  id: z.string(),
  volume: z.string(),
  readOnly: z.boolean(),
  mount: z.string(),
  slot: z
    .number()
    .int()
    .min(ROOT_SLOT)
    .max(SLOTS - 1),
  /** False while it comes or goes. */
  mounted: z.boolean(),
});
/** A disk in one of a machine's slots. */
export type SlotRecord = z.infer<typeof slotRecordSchema>;

export type { RootRecord } from "./source.ts";

/** Who owns a machine, and whether it is kept when the server stops. */
const recordSchema = z.object({
  id: z.string(),
  /** The control plane that requested it; null in records of versions that knew only one. */
  owner: z.string().nullable().default(null),
  memoryMiB: z.number().int().positive(),
  keep: z.boolean(),
  /** Its root, if that is deleted with it; null if it is a volume, and in records of versions that did not note it. */
  root: rootRecordSchema.nullable().default(null),
  /** Its volumes, and their slots. */
  disks: z.array(slotRecordSchema).default([]),
  meter: meterStartSchema.nullable().default(null),
  /** What it was made from; null in records of versions that could not fork. */
  from: sourceSchema.nullable().default(null).catch(null),
});
export type MachineRecord = z.infer<typeof recordSchema>;

/** Where a machine's own layer of its root is. @param below how many layers are below it, if it has had others */
export function ownLayerIn(dir: string, below?: number): string {
  return join(dir, below === undefined ? "disk.qcow2" : `disk-${below}.qcow2`);
}

/** Creates the folder of a machine that will be started. */
export function createFolder(runDir: string): string {
  const dir = join(runDir, randomBytes(6).toString("hex"));
  mkdirSync(dir, { mode: 0o700 });
  return dir;
}

/** Folders of all machines. */
export async function listFolders(runDir: string): Promise<string[]> {
  const entries = await readdir(runDir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(runDir, entry.name));
}

/**
 * Records the owner of a machine. Atomic: a reader sees all of the record or none.
 *
 * @param options.durable whether the record also survives a power cut once this resolves (default true). A new machine
 * does not survive one, so creating it need not wait for the disk.
 */
export async function writeRecord(dir: string, record: MachineRecord, options?: { durable?: boolean }): Promise<void> {
  await writeFileAtomically(join(dir, MACHINE_RECORD), JSON.stringify(record), options);
}

/**
 * Null if there is none that can be trusted: a folder accessible to other users has none.
 *
 * @throws if it cannot be read now: there may be one, and a machine that must not be removed
 */
export async function readRecord(dir: string): Promise<MachineRecord | null> {
  if (!isOurs(dir)) return null;
  const text = await readOwnFile(join(dir, MACHINE_RECORD)).catch((cause: Error) => {
    throw new Error(
      `The record of the machine in ${dir} cannot be read: ${cause.message}. Nothing was changed: try again, or end the machine's process and remove that folder.`,
      { cause },
    );
  });
  try {
    return recordSchema.parse(JSON.parse(text ?? "null"));
  } catch {
    return null;
  }
}

/** Whether a folder is there and belongs to this user, and no other user can read or write it. */
export function isOurs(dir: string): boolean {
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.getuid!() && (stat.mode & 0o077) === 0;
}

/** How often a folder is removed again in which something was just written, and after how long at first, in milliseconds. */
const AGAIN = { maxRetries: 10, retryDelay: 10 };

/** What was going on with a machine when it ended may still write a last file to its folder. */
export async function removeFolder(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, ...AGAIN });
}
