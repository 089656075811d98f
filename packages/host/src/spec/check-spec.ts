/** Checks whether a spec follows the contract, where it arrives. */
import { z } from "zod";
import type { DiskSpec, MachineSpec } from "../contract.ts";
import { SLOTS } from "../engine/engine.ts";
import { SpecError } from "./spec-error.ts";

/** In MiB. */
const MIN_MEMORY_MIB = 768;
export const MAX_MEMORY_MIB = 4096;
/** The guest finds a disk by its virtio serial number, which has 20 bytes. */
const DISK_ID = /^[a-z0-9-]{1,20}$/;
/** Ids of volumes and snapshots; also their files' names. */
export const DISK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const IMAGE_ID = /^[a-z0-9][a-z0-9.-]{0,127}$/;
/** In bytes, as on the platform. */
const MAX_MOUNT_BYTES = 255;
/** Reserved for the kernel and the agent. */
const RESERVED_MOUNTS = ["/proc", "/sys", "/dev", "/run"];

const counter = z.number().nonnegative();
const diskSchema = z.object({
  id: z.string().regex(DISK_ID),
  volume: z.string().regex(DISK_NAME),
  readOnly: z.boolean(),
  mount: z.string(),
});
const specSchema = z.object({
  id: z.string().min(1),
  owner: z.string().min(1),
  root: z
    .union([
      z.strictObject({ image: z.string().regex(IMAGE_ID) }),
      z.strictObject({ snapshot: z.string().regex(DISK_NAME) }),
      z.strictObject({ volume: z.string().regex(DISK_NAME) }),
    ])
    .optional(),
  memoryMiB: z.number().int().min(MIN_MEMORY_MIB).max(MAX_MEMORY_MIB),
  disks: z.array(diskSchema).max(SLOTS).optional(),
  usage: z
    .object({
      cpuSeconds: counter,
      memoryMiBSeconds: counter,
      egressBytesUp: counter,
      egressBytesDown: counter,
    })
    .optional(),
  keep: z.boolean(),
});

/** @throws {SpecError} `INVALID_SPEC` */
export function checkSpec(spec: MachineSpec): void {
  const { error } = specSchema.safeParse(spec);
  const issue = error?.issues[0];
  if (issue) throw invalid(issue.path.join("."), issue.message);
  checkDisks(spec.disks ?? []);
}

function checkDisks(disks: DiskSpec[]): void {
  for (const [n, disk] of disks.entries()) checkDisk(disk, disks.slice(0, n), `disks.${n}.`);
}

/**
 * Checks a disk that a machine is to get besides others.
 *
 * @param where where it is in a spec
 * @throws {SpecError} `INVALID_SPEC`
 */
export function checkDisk(disk: DiskSpec, others: readonly DiskSpec[], where = ""): void {
  const { id, mount, volume } = disk;
  const issue = diskSchema.safeParse(disk).error?.issues[0];
  if (issue) throw invalid(`${where}${issue.path.join(".")}`, issue.message);
  if (!isMount(mount))
    throw invalid(
      `${where}mount`,
      `${JSON.stringify(mount)} must be an absolute path without . or .., not / itself, nor below ${RESERVED_MOUNTS.join(", ")}`,
    );
  for (const other of others) {
    if (other.id === id) throw invalid(`${where}id`, `two disks are called ${id}`);
    if (other.mount === mount) throw invalid(`${where}mount`, `two disks are mounted at ${mount}`);
    if (other.volume === volume) throw invalid(`${where}volume`, `${volume} is mounted twice`);
  }
}

function isMount(path: string): boolean {
  const [root, ...parts] = path.split("/");
  return (
    root === "" &&
    Buffer.byteLength(path) <= MAX_MOUNT_BYTES &&
    !path.includes("\0") &&
    parts.every((part) => part !== "" && part !== "." && part !== "..") &&
    !RESERVED_MOUNTS.some((reserved) => path === reserved || path.startsWith(`${reserved}/`))
  );
}

function invalid(where: string, why: string): SpecError {
  return new SpecError("INVALID_SPEC", `The machine's spec cannot be used: ${where}: ${why}.`);
}
