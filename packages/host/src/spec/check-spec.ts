/** Checks whether a spec follows the contract, where it arrives. */
import { z } from "zod";
import type { DiskSpec, MachineSpec } from "../contract.ts";
import { SpecError } from "./spec-error.ts";

/** In MiB. */
const MIN_MEMORY_MIB = 768;
const MAX_MEMORY_MIB = 4096;
/** Disks of one machine besides its root: as many as a machine can have slots for without paying for unused ones. */
export const MAX_DISKS = 8;
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
  root: z.object({ image: z.string().regex(IMAGE_ID) }).optional(),
  memoryMiB: z.number().int().min(MIN_MEMORY_MIB).max(MAX_MEMORY_MIB),
  disks: z.array(diskSchema).max(MAX_DISKS).optional(),
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
  const ids = new Set<string>();
  const mounts = new Set<string>();
  for (const [n, { id, mount }] of disks.entries()) {
    if (ids.has(id)) throw invalid(`disks.${n}.id`, `two disks are called ${id}`);
    if (!isMount(mount)) {
      throw invalid(
        `disks.${n}.mount`,
        `${JSON.stringify(mount)} must be an absolute path without . or .., not / itself`,
      );
    }
    if (mounts.has(mount)) throw invalid(`disks.${n}.mount`, `two disks are mounted at ${mount}`);
    ids.add(id);
    mounts.add(mount);
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
