/**
 * What is known about a machine's process after we crashed, from a record in the machine's folder and from the kernel.
 * What the process says about itself (its command line, its name) is ignored, because it can change that.
 */
import { join } from "node:path";
import { readOwnFile, startTicks, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";

export { isRunning, kill } from "@sandkeep/common";

const recordSchema = z.object({
  pid: z.number().int().positive(),
  /** When it started, in the kernel's ticks since boot. Together with the pid this identifies the process. */
  startTicks: z.number().int().nonnegative(),
  /** Its user, if that is not the server's. */
  uid: z.number().int().positive().nullable(),
});
export type ProcessRecord = z.infer<typeof recordSchema>;

export const PROCESS_RECORD = "process.json";

/** The record of a running process. */
export function recordOf(pid: number, uid: number | null): ProcessRecord {
  return { pid, startTicks: startTicks(pid) ?? 0, uid };
}

/** Records a process in its machine's folder. Not synced: after a power cut the process is gone too. */
export async function noteProcess(dir: string, record: ProcessRecord): Promise<void> {
  await writeFileAtomically(join(dir, PROCESS_RECORD), JSON.stringify(record), { durable: false });
}

/**
 * Null if there is none, or none that can be trusted.
 *
 * @throws if it cannot be read now: there may be one
 */
export async function readProcess(dir: string): Promise<ProcessRecord | null> {
  const text = await readOwnFile(join(dir, PROCESS_RECORD));
  try {
    return recordSchema.parse(JSON.parse(text ?? "null"));
  } catch {
    return null;
  }
}
