/**
 * A volume in one of a machine's slots, from when it comes until it is gone. The machine's record says whether it is
 * `mounted`, and the volume's whether it is `unclean`. A server may be killed after any step; the next one looks at the
 * record and at the slot, and needs nothing else:
 *
 * | step                                         | on record afterwards | in the slot       | the next server               |
 * | -------------------------------------------- | -------------------- | ----------------- | ----------------------------- |
 * | to attach: 1. it is recorded as not mounted  | not mounted          | nothing           | forgets it                    |
 * | 2. its volume is free; its files are opened  | not mounted          | nothing, or files | closes them, forgets it       |
 * |    while it is marked as unclean             |                      |                   |                               |
 * | 3. the device gets them                      | not mounted          | files, or a disk  | closes them, forgets it       |
 * | 4. the guest mounts it                       | not mounted          | a disk            | unmounts it, closes, forgets  |
 * | 5. it is recorded as mounted                 | mounted              | a disk            | takes it over                 |
 * | to detach: 6. it is recorded as not mounted  | not mounted          | a disk            | unmounts it, closes, forgets  |
 * | 7. the guest unmounts it                     | not mounted          | a disk            | closes it, forgets it         |
 * | 8. the device and the files are closed       | not mounted          | nothing           | forgets it                    |
 * | 9. its volume is clean, and free for others  | not mounted          | nothing           | forgets it                    |
 * | 10. it is forgotten                          | nothing              | nothing           |                               |
 *
 * - A disk that programs use stays where it is, and is recorded as mounted again.
 * - After 9 another machine may have the volume. What says that this one does not is the empty slot.
 * - Every step back can be repeated, and does nothing where there is nothing to do. If it fails while a volume comes, the
 *   machine is ended; if it fails while one goes, the caller detaches it again.
 * - Whatever happens, a volume is free when its machine has ended.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { GuestError } from "../contract.ts";
import { ROOT_SLOT, type Vm } from "../engine/engine.ts";
import type { GuestClient } from "../guest/client.ts";
import type { LiveVolume } from "../storage/holders.ts";
import type { AttachOptions, DiskFiles } from "../storage/options.ts";
import { createLayer } from "../storage/qcow2.ts";
import { enterRoot } from "./clone.ts";
import type { SlotRecord } from "./folder.ts";
import { liveVolume } from "./live-volume.ts";

/** How long a guest may take to mount or unmount a disk: 40 ms, longer if a journal must be replayed or much be written. */
const GUEST_TIMEOUT_MS = 60_000;

/** What attachments need of the host's storage. */
export interface VolumeSource {
  attach(volume: string, options: AttachOptions): Promise<void>;
  takeOver(volume: string, machine: string, live: LiveVolume): Promise<void>;
  leave(volume: string, machine: string): Promise<void>;
  detach(volume: string, machine: string, close: () => Promise<void>): Promise<void>;
  release(volume: string, machine: string, closed: boolean): Promise<void>;
}

/** The machine that has the disk. */
export interface Owner {
  /** Its id. */
  machine: string;
  clone: { vm: Vm; guest: GuestClient; dir: string };
  storage: VolumeSource;
}

export class Attachment {
  readonly #owner: Owner;
  readonly #disk: Omit<SlotRecord, "mounted">;
  #state: "coming" | "plugged" | "there" | "going";

  constructor(owner: Owner, { mounted, ...disk }: SlotRecord) {
    this.#owner = owner;
    this.#disk = disk;
    this.#state = mounted ? "there" : "coming";
  }

  get record(): SlotRecord {
    return { ...this.#disk, mounted: this.#state === "there" };
  }

  get isRoot(): boolean {
    return this.#disk.slot === ROOT_SLOT;
  }

  /** Whether the machine has nothing of it, because {@link plug} was not called or failed. */
  get isAbsent(): boolean {
    return this.#state === "coming";
  }

  /** Steps 2 and 3. */
  async plug(): Promise<void> {
    const { machine, storage, clone } = this.#owner;
    const { volume, slot, readOnly } = this.#disk;
    await storage.attach(volume, {
      machine,
      readOnly,
      root: this.isRoot,
      open: async (files, ready) => {
        const disk = readOnly ? await this.#throwAway(files) : files;
        try {
          await clone.vm.slots.plug(slot, { ...disk, ready });
        } catch (error) {
          // With files that stay open, the machine could write a volume that another one has next.
          await clone.vm.slots.unplug(slot).catch(() => clone.vm.kill());
          throw error;
        }
        return liveVolume(clone, slot);
      },
    });
    this.#state = "plugged";
  }

  /** Step 4. */
  async mount(): Promise<void> {
    const { guest } = this.#owner.clone;
    const { slot, mount, readOnly } = this.#disk;
    if (this.isRoot) await enterRoot(guest);
    else await guest.call("diskMount", { slot, mount, readOnly }, AbortSignal.timeout(GUEST_TIMEOUT_MS));
    this.#state = "there";
  }

  /**
   * Steps 6 to 9.
   *
   * @param force also if programs use it, whose files fail then
   * @param record step 6
   * @throws {GuestError} `EBUSY`; it is there as before then
   */
  async takeAway(force: boolean, record: () => Promise<void> = async () => {}): Promise<void> {
    const { machine, storage, clone } = this.#owner;
    const { volume, slot, readOnly } = this.#disk;
    const before = this.#state;
    this.#state = "going";
    const stay = (error: unknown) => {
      this.#state = before;
      throw error;
    };
    await record().catch(stay);
    // While nothing else happens to the volume, so that no snapshot freezes what is being unmounted.
    await storage.detach(volume, machine, async () => {
      await clone.guest.call("diskUnmount", { slot, force }, AbortSignal.timeout(GUEST_TIMEOUT_MS)).catch(stay);
      await clone.vm.slots.unplug(slot);
    });
    if (readOnly) await rm(this.#throwAwayPath, { force: true });
  }

  /** Goes on from where an earlier process was. Resolves to whether the machine has the disk. */
  async takeOver(): Promise<boolean> {
    const { machine, clone, storage } = this.#owner;
    const { volume, slot } = this.#disk;
    const isThere = this.#state === "there";
    if (this.isRoot && !isThere) throw new Error(`Machine ${machine} had not entered its root.`);
    if ((await clone.vm.slots.depth(slot)) === 0) {
      if (this.isRoot) throw new Error(`Machine ${machine} has lost its root.`);
      await clone.vm.slots.unplug(slot);
      await storage.release(volume, machine, false);
      return false;
    }
    await storage.takeOver(volume, machine, liveVolume(clone, slot));
    if (isThere) return true;
    try {
      await this.takeAway(false);
      return false;
    } catch (error) {
      if (!(error instanceof GuestError && error.object.code === "EBUSY")) throw error;
      this.#state = "there";
      return true;
    }
  }

  /** A layer on top that is deleted with the machine: a device cannot be read-only, and mounting may replay a journal. */
  async #throwAway({ layers, bytes }: DiskFiles): Promise<DiskFiles> {
    await createLayer(this.#throwAwayPath, bytes);
    return { layers: [...layers, this.#throwAwayPath], bytes };
  }

  get #throwAwayPath(): string {
    return join(this.#owner.clone.dir, `slot-${this.#disk.slot}.qcow2`);
  }
}
