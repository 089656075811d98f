/** Checks of what the control plane asks for. */
import { DiskError } from "../contract.ts";
import { DISK_NAME } from "../spec/check-spec.ts";
import { BLOCK_BYTES, MAX_LAYERS } from "./record.ts";

/** The least that has room for a file system with a journal, in bytes. */
const MIN_CAPACITY_BYTES = 16 * 1024 ** 2;
/** Largest file system with 32 bit block numbers, and the largest file that one on the host has room for, in bytes. */
const MAX_CAPACITY_BYTES = (2 ** 32 - 1) * BLOCK_BYTES;

/** @throws {DiskError} `INVALID_DISK` */
export function checkId(id: string): void {
  if (!DISK_NAME.test(id)) throw new DiskError("INVALID_DISK", `${JSON.stringify(id)} cannot be the id of a disk.`);
}

/** @throws {DiskError} `INVALID_DISK` */
export function checkCapacity(id: string, bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= MIN_CAPACITY_BYTES && bytes <= MAX_CAPACITY_BYTES) return;
  throw new DiskError(
    "INVALID_DISK",
    `The capacity of ${id} must be between ${MIN_CAPACITY_BYTES} and ${MAX_CAPACITY_BYTES} bytes, not ${bytes}.`,
  );
}

/** @param most the largest disk that a machine can have @throws {DiskError} `TOO_LARGE` */
export function checkFits(id: string, bytes: number, most = Number.POSITIVE_INFINITY): void {
  if (bytes <= most) return;
  throw new DiskError(
    "TOO_LARGE",
    `${id} cannot have ${bytes} bytes: a disk on this host can have at most ${most}. Run the server as root, with CAP_SYS_RESOURCE, for larger ones.`,
  );
}

/** @param layers those of a disk that is to get one more @throws {DiskError} `TOO_MANY_LAYERS` */
export function checkDepth(id: string, layers: readonly unknown[]): void {
  if (layers.length < MAX_LAYERS) return;
  throw new DiskError(
    "TOO_MANY_LAYERS",
    `${id} has ${layers.length} layers, one for each snapshot, and can have no more. They are merged in the background while no sandbox has it: detach it, or end its sandbox, and try again later.`,
  );
}
