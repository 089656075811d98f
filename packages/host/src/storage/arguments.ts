/** Checks of what the control plane asks for. All throw {@link DiskError} `INVALID_DISK`. */
import { DiskError } from "../contract.ts";
import { DISK_NAME } from "../spec/check-spec.ts";
import { BLOCK_BYTES } from "./record.ts";

/** The least that has room for a file system with a journal, in bytes. */
const MIN_CAPACITY_BYTES = 16 * 1024 ** 2;
/** Largest file system with 32 bit block numbers, in bytes. */
const MAX_CAPACITY_BYTES = 2 ** 32 * BLOCK_BYTES;

export function checkId(id: string): void {
  if (!DISK_NAME.test(id)) throw new DiskError("INVALID_DISK", `${JSON.stringify(id)} cannot be the id of a disk.`);
}

export function checkCapacity(id: string, bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= MIN_CAPACITY_BYTES && bytes <= MAX_CAPACITY_BYTES) return;
  throw new DiskError(
    "INVALID_DISK",
    `The capacity of ${id} must be between ${MIN_CAPACITY_BYTES} and ${MAX_CAPACITY_BYTES} bytes, not ${bytes}.`,
  );
}
