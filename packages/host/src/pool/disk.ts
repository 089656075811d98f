/** Limits by the host's disk. */
import { lstatSync, statfsSync, statSync } from "node:fs";
import { DiskError } from "../contract.ts";

/** Free space that must remain when a machine is created, in MiB: machines and the server write to the same disk. */
const RESERVE_MIB = 2048;
const MIB = 1024 ** 2;
/** Bytes of a block in `stat`. */
const STAT_BLOCK_BYTES = 512;
// cspell:ignore subvolumes btrfs bcachefs statfs
/** Kinds of file systems whose subvolumes share their space, but have devices of their own: btrfs, ZFS, bcachefs (`f_type` of statfs(2)). */
const SHARING = [0x9123683e, 0x2fc12fc1, 0xca451a4e];

/**
 * Whether the disk of a folder has room for another machine's writes. Synchronous, because the kernel knows it without
 * asking the disk, and a create waits for it.
 */
export function diskFits(dir: string): boolean {
  return freeBytes(dir) / MIB >= RESERVE_MIB;
}

/** Whether so little is left that machines should write nothing more: half of what a new one needs. */
export function diskIsLow(dir: string): boolean {
  return freeBytes(dir) / MIB < RESERVE_MIB / 2;
}

/** What is being written: a file, or several. */
export interface SpaceOptions {
  /** Paths of the files, which need not be there yet. What they have got by then is not counted a second time. */
  into: readonly string[];
  /** Whether nobody waits for it: then it gives way to what somebody waits for. */
  whenIdle?: boolean;
  /** How much more must be free, without being reserved, in bytes. */
  marginBytes?: number;
}

/** Space on a file system for what is still to be written. */
class Reservation implements Disposable {
  readonly fileSystem: string;
  readonly whenIdle: boolean;
  readonly #bytes: number;
  readonly #into: readonly string[];
  /** What the files had before. */
  readonly #before: number;
  readonly #giveWay = new AbortController();

  constructor(dir: string, bytes: number, { into, whenIdle = false }: SpaceOptions) {
    this.fileSystem = fileSystemOf(dir);
    this.whenIdle = whenIdle;
    this.#bytes = bytes;
    this.#into = into;
    this.#before = allocatedBytes(into);
  }

  get writtenBytes(): number {
    return Math.max(0, allocatedBytes(this.#into) - this.#before);
  }

  get leftBytes(): number {
    return Math.max(0, this.#bytes - this.writtenBytes);
  }

  /** Aborted when somebody waits for what needs the space. */
  get signal(): AbortSignal {
    return this.#giveWay.signal;
  }

  giveWay(): void {
    this.#giveWay.abort(new DiskError("NO_SPACE", "Something that somebody waits for needs the space on the disk."));
  }

  [Symbol.dispose](): void {
    reservations.delete(this);
  }
}

/** A machine may be created beside them. */
const reservations = new Set<Reservation>();

/**
 * Reserves room for files of this size beside {@link RESERVE_MIB} until disposed, when they are written.
 *
 * @throws {DiskError} `NO_SPACE`
 */
export function reserveSpace(
  dir: string,
  bytes: number,
  options: SpaceOptions,
): Disposable & Pick<Reservation, "signal"> {
  const wanted = new Reservation(dir, bytes, options);
  const others = [...reservations].filter(({ fileSystem }) => fileSystem === wanted.fileSystem);
  const idle = others.filter(({ whenIdle }) => whenIdle);
  const left = (some: Reservation[]) => some.reduce((sum, { leftBytes }) => sum + leftBytes, 0);
  const spare = freeBytes(dir) - RESERVE_MIB * MIB - left(others.filter(({ whenIdle }) => !whenIdle));
  const spareBesideAll = spare - left(idle);
  if (!wanted.whenIdle && bytes > spareBesideAll) {
    // Even if it does not fit yet: then it does when it is tried again.
    const inAll = idle.reduce((sum, { writtenBytes }) => sum + writtenBytes, spare);
    if (bytes <= inAll) for (const one of idle) one.giveWay();
  }
  const free = Math.max(0, (wanted.whenIdle ? spareBesideAll : spare) - (options.marginBytes ?? 0));
  if (bytes > free)
    throw new DiskError(
      "NO_SPACE",
      `This needs ${bytes} bytes on the host's disk, which has ${free} to spare. Remove volumes or snapshots, or free space there.`,
    );
  reservations.add(wanted);
  return wanted;
}

/** What files take on the disk, in bytes. */
function allocatedBytes(paths: readonly string[]): number {
  const blocks = paths.map((path) => lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0);
  return blocks.reduce((sum, count) => sum + count * STAT_BLOCK_BYTES, 0);
}

/** The same for all folders that share their space. Two file systems of a sharing kind are taken for one, which refuses a little more. */
function fileSystemOf(dir: string): string {
  const { type } = statfsSync(dir);
  return SHARING.includes(type) ? `type ${type}` : `device ${statSync(dir).dev}`;
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}
