/**
 * What a hot clone does with a disk, so that the code for it is translated: it gets one, mounts it, and gives it back. The
 * first time takes a clone two to three times as much processor time as later ones, and 10 MiB of memory of its own.
 */

import { constants } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { SLOTS } from "../engine/engine.ts";
import type { Clone } from "../machines/clone.ts";
import { createFormattedLayer } from "../storage/qcow2.ts";

/** The last slot, which is needed last. */
const SLOT = SLOTS - 1;
/** In memory, and where the user may remove it. */
const MOUNT = "/dev/shm/.sandkeep-rehearsal";

/** Small, because every hot machine copies it once. */
const DISK_BYTES = 16 * 1024 ** 2;

/** A disk with an empty file system. */
export interface RehearsalDisk {
  path: string;
  bytes: number;
}

/** Made anew by each process, because nothing depends on it. */
export async function makeRehearsalDisk(dir: string): Promise<RehearsalDisk> {
  const path = join(dir, "rehearsal.qcow2");
  await rm(path, { force: true });
  await createFormattedLayer(path, DISK_BYTES);
  return { path, bytes: DISK_BYTES };
}

export async function rehearseDisk({ vm, guest, dir }: Clone, { path, bytes }: RehearsalDisk): Promise<void> {
  const copy = join(dir, "rehearsal.qcow2");
  await copyFile(path, copy, constants.COPYFILE_FICLONE);
  await vm.slots.plug(SLOT, { layers: [copy], bytes });
  await guest.call("diskMount", { slot: SLOT, mount: MOUNT, readOnly: false });
  await guest.call("diskUnmount", { slot: SLOT, force: false });
  await vm.slots.unplug(SLOT);
  await guest.call("remove", { path: MOUNT });
  await rm(copy);
}
