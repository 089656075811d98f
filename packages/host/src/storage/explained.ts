import { errnoOf } from "@sandkeep/common";
import { DiskError } from "../contract.ts";

/** Does something to a disk, and turns errors of the operating system into those of the contract. */
export async function explained<Result>(id: string, task: () => Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof DiskError) throw error;
    throw explanation(id, error) ?? error;
  }
}

function explanation(id: string, cause: unknown): DiskError | null {
  const code = errnoOf(cause);
  if (code === "EFBIG")
    return new DiskError("TOO_LARGE", `The host's file system has no files as large as ${id} would need.`, {
      cause,
    });
  // The tools say it in words.
  const isFull =
    code === "ENOSPC" || code === "EDQUOT" || /No space left on device|Disk quota exceeded/.test(String(cause));
  if (!isFull) return null;
  return new DiskError(
    "NO_SPACE",
    `The host's disk is full, so ${id} could not be changed. Remove volumes or snapshots, or free space there.`,
    { cause },
  );
}

/** What the operating system says about a file that is lost: it is missing, a link, or cannot be read from the disk. */
const LOST = new Set(["ENOENT", "ELOOP", "EIO"]);

/**
 * The error for a disk of which a layer cannot be read. That the computer has run out of descriptors, for example, says
 * nothing about the disk, and stays what it is.
 */
export function unusable(what: string, cause: Error): Error {
  const code = errnoOf(cause);
  if (code !== undefined && !LOST.has(code)) return cause;
  return new DiskError("DAMAGED_DISK", `${what}: ${cause.message}`, { cause });
}
