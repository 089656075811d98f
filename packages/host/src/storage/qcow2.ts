/**
 * qcow2 files of disks. qemu-img opens only files that no machine could write to; what a machine wrote is opened in a
 * jail ({@link file://./check.ts}), and here only the fixed part of its header is read.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { open, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { errnoOf } from "@sandkeep/common";
import { BLOCK_BYTES } from "./record.ts";

/** How long a tool may take: 30 ms for 20 GB, a few seconds for the largest disk there can be. */
const TIMEOUT_MS = 120_000;

const execute = promisify(execFile);

async function run(tool: string, args: string[], env = process.env): Promise<void> {
  await execute(tool, args, { env, timeout: TIMEOUT_MS, killSignal: "SIGKILL" });
}

/** mke2fs is in /sbin, which is not in every user's PATH. */
const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;

/** The user `app` of every image. */
const APP = "1000:1000";

/**
 * Creates an empty layer. What it falls through to is not in its header, but told to QEMU. A file that an interrupted
 * attempt left there is replaced, not changed: a machine may still have it open, and locked.
 */
export async function createLayer(path: string, bytes: number): Promise<void> {
  await rm(path, { force: true });
  await run("qemu-img", ["create", "-q", "-f", "qcow2", path, String(bytes)]);
}

/**
 * Creates a layer with an empty file system. The guest need not initialise the rest of it: the host's file starts as
 * zeros.
 */
export async function createFormattedLayer(path: string, bytes: number): Promise<void> {
  const raw = `${path}.raw`;
  try {
    await createSparse(raw, bytes);
    await run("mke2fs", mke2fsArguments(raw), { ...process.env, PATH }).catch((cause: unknown) => {
      if (errnoOf(cause) !== "ENOENT") throw cause;
      throw new Error("mke2fs, which formats volumes, is missing. Install it with: apt-get install e2fsprogs", {
        cause,
      });
    });
    await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, path]);
  } catch (cause) {
    // mke2fs has many words for that. What it has written is still there.
    const { bavail, bsize } = await statfs(dirname(path));
    if (bavail * bsize > FULL_BYTES) throw cause;
    throw Object.assign(new Error("No space left on device", { cause }), { code: "ENOSPC" });
  } finally {
    await rm(raw, { force: true });
  }
}

/** A disk that has no more than this is full: mke2fs writes up to 1 MiB at a time. */
const FULL_BYTES = 2 * 1024 ** 2;

async function createSparse(path: string, bytes: number): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.truncate(bytes);
}

function mke2fsArguments(path: string): string[] {
  const features = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
  return ["-q", "-F", "-t", "ext4", "-b", String(BLOCK_BYTES), "-m", "0", "-E", `${features},root_owner=${APP}`, path];
}

/** What a layer can have at most: data, and 16 bytes for each cluster in its tables. */
export function mostLayerBytes(bytes: number): number {
  return bytes + mostTableBytes(bytes);
}

/** What a layer's tables can have at most. */
export function mostTableBytes(bytes: number): number {
  return Math.ceil(bytes / TABLE_SHARE) + MIN_TABLE_BYTES;
}
/** Clusters have 64 KiB. */
const TABLE_SHARE = 4096;
/** The least that tables take, generously. */
const MIN_TABLE_BYTES = 16 * 1024 ** 2;

/** Offsets in a qcow2 header, version 3 (docs/interop/qcow2.txt in QEMU's source). */
const HEADER = {
  magic: 0,
  version: 4,
  backingName: 8,
  clusterBits: 20,
  size: 24,
  encryption: 32,
  level1Entries: 36,
  snapshots: 60,
  incompatible: 72,
  refcountOrder: 96,
  bytes: 104,
} as const;
const MAGIC = 0x514649fb;
const VERSION = 3;
/** QEMU's defaults, which all layers of ours have. Others make a check need far more memory. */
const CLUSTER_BITS = 16;
const REFCOUNT_ORDER = 4;
/** What an entry of the table of tables stands for, in bytes: a cluster full of entries of 8 bytes, each a cluster. */
const LEVEL_1_BYTES = 2 ** (CLUSTER_BITS - 3 + CLUSTER_BITS);
/** Incompatible features: refcounts may be wrong, as after a crash; the file is corrupt. */
const DIRTY = 1n;
const CORRUPT = 2n;

/** What a layer's header says. */
export interface LayerHeader {
  /** Size of the device, in bytes. */
  bytes: number;
}

/**
 * Reads a layer's header, which a machine may have written.
 *
 * @param mostBytes the largest device that the layer may be of
 * @throws with the reason, if it is missing, could make QEMU open another file, or is none of ours
 */
export async function readLayer(path: string, mostBytes: number): Promise<LayerHeader> {
  // Not through a link, and without waiting for a pipe.
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw new Error("it is not a regular file");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER.bytes), 0, HEADER.bytes, 0);
  if (bytesRead < HEADER.bytes || buffer.readUInt32BE(HEADER.magic) !== MAGIC)
    throw new Error("it is not a qcow2 file");
  if (buffer.readUInt32BE(HEADER.version) !== VERSION) throw new Error("it is not version 3 of qcow2");
  if (buffer.readBigUInt64BE(HEADER.backingName) !== 0n) throw new Error("its header names a backing file");
  if (buffer.readUInt32BE(HEADER.encryption) !== 0) throw new Error("it is encrypted");
  const features = buffer.readBigUInt64BE(HEADER.incompatible);
  if (features & CORRUPT) throw new Error("QEMU marked it as corrupt");
  if (features & ~DIRTY) throw new Error("it uses features that no layer of ours has, such as an external data file");
  if (
    buffer.readUInt32BE(HEADER.clusterBits) !== CLUSTER_BITS ||
    buffer.readUInt32BE(HEADER.refcountOrder) !== REFCOUNT_ORDER
  )
    throw new Error("its clusters or reference counts have a size that no layer of ours has");
  if (buffer.readUInt32BE(HEADER.snapshots) !== 0) throw new Error("it has snapshots of its own");
  const bytes = Number(buffer.readBigUInt64BE(HEADER.size));
  if (bytes > mostBytes) throw new Error(`its device has ${bytes} bytes, more than the disk's ${mostBytes}`);
  if (buffer.readUInt32BE(HEADER.level1Entries) > Math.ceil(bytes / LEVEL_1_BYTES))
    throw new Error("it has tables for more than its device");
  return { bytes };
}
