/** The volumes of a machine: which slots they are in, and how they come and go. One may be its root. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DiskError, type DiskSpec } from "../contract.ts";
import { ROOT_SLOT, SLOTS, type Vm } from "../engine/engine.ts";
import type { GuestClient } from "../guest/client.ts";
import { checkDisk } from "../spec/check-spec.ts";
import type { LiveVolume } from "../storage/holders.ts";
import type { AttachOptions, DiskFiles } from "../storage/local-storage.ts";
import { createLayer } from "../storage/qcow2.ts";
import { enterRoot } from "./clone.ts";
import type { SlotRecord } from "./folder.ts";
import { liveVolume } from "./live-volume.ts";

/** How long a guest may take to mount or unmount a disk: 40 ms, longer if a journal must be replayed or much be written. */
const GUEST_TIMEOUT_MS = 60_000;
/** How long a machine that is to end may take to write to its disks before it is killed. */
const CLOSE_TIMEOUT_MS = 5_000;
/** How long its file systems stay frozen then: until the end. */
const FROZEN_UNTIL_END_MS = 60_000;

/** The id of a machine's root, which no other disk can have. */
const ROOT_ID = "/";

/** What {@link MachineDisks} needs of the host's storage. */
export interface VolumeSource {
  attach(volume: string, options: AttachOptions): Promise<void>;
  takeOver(volume: string, machine: string, live: LiveVolume): Promise<void>;
  detach(volume: string, machine: string, close: () => Promise<void>): Promise<void>;
  release(volume: string, machine: string, closed: boolean): Promise<void>;
}

export interface MachineDisksOptions {
  /** The machine's id. */
  machine: string;
  clone: { vm: Vm; guest: GuestClient; dir: string };
  storage: VolumeSource;
  /** Disks that it has already. */
  disks?: readonly SlotRecord[];
}

type Entry = SlotRecord & { state: "coming" | "there" | "going" };

export class MachineDisks {
  readonly #machine: string;
  readonly #clone: MachineDisksOptions["clone"];
  readonly #storage: VolumeSource;
  readonly #entries = new Map<string, Entry>();
  /** Records the disks, so that a later process knows them: those that come before they do, those that go afterwards. */
  record: (disks: SlotRecord[]) => Promise<void> = async () => {};

  constructor({ machine, clone, storage, disks = [] }: MachineDisksOptions) {
    this.#machine = machine;
    this.#clone = clone;
    this.#storage = storage;
    for (const disk of disks) this.#entries.set(disk.id, { ...disk, state: disk.mounted ? "there" : "coming" });
  }

  /** Those that are mounted. */
  get mounted(): SlotRecord[] {
    return this.all.filter(({ mounted }) => mounted);
  }

  /** Also those that come or go. */
  get all(): SlotRecord[] {
    return [...this.#entries.values()].map(({ state, ...disk }) => ({ ...disk, mounted: state === "there" }));
  }

  /** Takes over the disks of a machine that an earlier process left. What was not mounted yet is taken away. */
  async takeOver(): Promise<void> {
    for (const entry of this.#entries.values()) {
      await this.#storage.takeOver(entry.volume, this.#machine, liveVolume(this.#clone, entry.slot));
      if (entry.state === "there") continue;
      if (entry.slot === ROOT_SLOT) throw new Error(`Machine ${this.#machine} had not entered its root.`);
      await this.#unmount(entry, true);
      await this.#unplug(entry);
      this.#entries.delete(entry.id);
    }
  }

  /** Makes a volume the root of a new machine that waits for its root. If that fails, the machine is to be ended. */
  async enterRoot(): Promise<void> {
    const entry = [...this.#entries.values()].find(({ slot }) => slot === ROOT_SLOT);
    if (!entry) return;
    await this.#plug(entry);
    await enterRoot(this.#clone.guest);
    entry.state = "there";
  }

  /** Reserves the place of a new machine's root, for {@link enterRoot}. */
  setRoot(volume: string): void {
    const root = { id: ROOT_ID, volume, readOnly: false, mount: "/", slot: ROOT_SLOT };
    this.#entries.set(ROOT_ID, { ...root, mounted: false, state: "coming" });
  }

  /** Gives slots to a new machine's disks, for {@link attachAll}. */
  enterAll(disks: readonly DiskSpec[]): void {
    for (const disk of disks) this.#enter(disk);
  }

  /** Attaches a new machine's disks. If that fails, the machine is to be ended, and {@link release} called. */
  async attachAll(): Promise<void> {
    const entries = [...this.#entries.values()].filter(({ slot }) => slot !== ROOT_SLOT);
    const plugged = await Promise.allSettled(entries.map((entry) => this.#plug(entry)));
    for (const outcome of plugged) if (outcome.status === "rejected") throw outcome.reason;
    // A disk may be mounted below another one.
    for (const entry of entries.toSorted((a, b) => a.mount.length - b.mount.length)) await this.#mount(entry);
  }

  /**
   * @throws {DiskError}
   * @throws {GuestError} if it cannot be mounted
   */
  async attach(disk: DiskSpec): Promise<void> {
    const entry = this.#enter(disk);
    try {
      await this.record(this.all);
      await this.#plug(entry);
      await this.#mount(entry).catch(async (error) => {
        await this.#unplug(entry);
        throw error;
      });
    } catch (error) {
      await this.#forget(entry);
      throw error;
    }
    await this.record(this.all);
  }

  /** @throws {GuestError} `EBUSY` */
  async detach(id: string, force: boolean): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry?.state !== "there" || entry.slot === ROOT_SLOT)
      throw new DiskError("UNKNOWN_DISK", `Machine ${this.#machine} has no disk ${id}.`);
    entry.state = "going";
    try {
      await this.#unmount(entry, force);
    } catch (error) {
      entry.state = "there";
      throw error;
    }
    await this.#unplug(entry);
    await this.#forget(entry);
  }

  /**
   * Ends the machine's process so that what programs wrote is on its disks. Resolves to whether that could be done in
   * time; otherwise it may still run.
   */
  async close(): Promise<boolean> {
    const slots = this.mounted.filter(({ readOnly }) => !readOnly).map(({ slot }) => slot);
    if (slots.length === 0) return false;
    const signal = AbortSignal.timeout(CLOSE_TIMEOUT_MS);
    const params = { timeoutMs: FROZEN_UNTIL_END_MS };
    const { guest, vm } = this.#clone;
    const frozen = slots.map((slot) => guest.call("diskFreeze", { slot, ...params }, signal));
    await Promise.all(frozen).catch(() => {});
    return await vm.quit(CLOSE_TIMEOUT_MS);
  }

  /** The machine has ended. @param closed whether its process has closed its disks properly */
  async release(closed: boolean): Promise<void> {
    const volumes = [...this.#entries.values()].map(({ volume }) => volume);
    await Promise.all(volumes.map((volume) => this.#storage.release(volume, this.#machine, closed)));
  }

  #enter(disk: DiskSpec): Entry {
    checkDisk(disk, [...this.#entries.values()]);
    const taken = new Set([...this.#entries.values()].map(({ slot }) => slot));
    const slot = Array.from({ length: SLOTS }, (_, n) => n).find((n) => !taken.has(n));
    if (slot === undefined)
      throw new DiskError(
        "TOO_MANY_DISKS",
        `Machine ${this.#machine} has ${SLOTS} disks, and can have no more. Detach one first.`,
      );
    const { id, volume, readOnly, mount } = disk;
    const entry: Entry = { id, volume, readOnly, mount, slot, mounted: false, state: "coming" };
    this.#entries.set(id, entry);
    return entry;
  }

  async #plug({ volume, readOnly, slot }: Entry): Promise<void> {
    await this.#storage.attach(volume, {
      machine: this.#machine,
      readOnly,
      root: slot === ROOT_SLOT,
      open: async ({ layers, bytes }) => {
        const disk = readOnly ? await this.#throwAway(slot, { layers, bytes }) : { layers, bytes };
        await this.#clone.vm.slots.plug(slot, disk);
        return liveVolume(this.#clone, slot);
      },
    });
  }

  /** A layer on top that is deleted with the machine: a device cannot be read-only, and mounting may replay a journal. */
  async #throwAway(slot: number, { layers, bytes }: DiskFiles): Promise<DiskFiles> {
    const path = this.#throwAwayPath(slot);
    await createLayer(path, bytes);
    return { layers: [...layers, path], bytes };
  }

  #throwAwayPath(slot: number): string {
    return join(this.#clone.dir, `slot-${slot}.qcow2`);
  }

  async #mount(entry: Entry): Promise<void> {
    const { slot, mount, readOnly } = entry;
    await this.#clone.guest.call("diskMount", { slot, mount, readOnly }, AbortSignal.timeout(GUEST_TIMEOUT_MS));
    entry.state = "there";
  }

  async #unmount({ slot }: Entry, force: boolean): Promise<void> {
    await this.#clone.guest.call("diskUnmount", { slot, force }, AbortSignal.timeout(GUEST_TIMEOUT_MS));
  }

  async #forget({ id }: Entry): Promise<void> {
    this.#entries.delete(id);
    await this.record(this.all);
  }

  async #unplug({ volume, slot, readOnly }: Entry): Promise<void> {
    await this.#storage.detach(volume, this.#machine, () => this.#clone.vm.slots.unplug(slot));
    if (readOnly) await rm(this.#throwAwayPath(slot), { force: true });
  }
}
