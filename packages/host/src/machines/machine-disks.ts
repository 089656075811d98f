/** The volumes of a machine: which slots they are in, and how they come and go. One may be its root. */
import { SerialQueue } from "@sandkeep/common";
import { DiskError, type DiskSpec, GuestGone } from "../contract.ts";
import { ROOT_SLOT, SLOTS } from "../engine/engine.ts";
import { checkDisk } from "../spec/check-spec.ts";
import { Attachment, type Owner } from "./attachment.ts";
import type { SlotRecord } from "./folder.ts";

/** How long a machine that is to end may take to write to its disks before it is killed. */
const CLOSE_TIMEOUT_MS = 5_000;
/** How long its file systems stay frozen then: until the end. */
const FROZEN_UNTIL_END_MS = 60_000;

/** The id of a machine's root, which no other disk can have. */
const ROOT_ID = "/";

export interface MachineDisksOptions extends Owner {
  /** Disks that it has already. */
  disks?: readonly SlotRecord[];
}

export class MachineDisks {
  readonly #owner: Owner;
  readonly #attachments = new Map<string, Attachment>();
  /** One disk comes or goes at a time. */
  readonly #changes = new SerialQueue();
  /** Why none comes or goes any more. */
  #over: string | undefined;
  #isDoomed = false;
  /** Records the disks, so that a later process knows them. */
  record: (disks: SlotRecord[]) => Promise<void> = async () => {};

  constructor({ disks = [], ...owner }: MachineDisksOptions) {
    this.#owner = owner;
    for (const disk of disks) this.#attachments.set(disk.id, new Attachment(owner, disk));
  }

  /** Those that are mounted. */
  get mounted(): SlotRecord[] {
    return this.all.filter(({ mounted }) => mounted);
  }

  /** Also those that come or go. */
  get all(): SlotRecord[] {
    return [...this.#attachments.values()].map(({ record }) => record);
  }

  /** Whether the machine was killed, because a disk could not be taken away from it. */
  get isDoomed(): boolean {
    return this.#isDoomed;
  }

  /** Takes over the disks of a machine that an earlier process left. If that fails, the machine is to be ended. */
  async takeOver(): Promise<void> {
    // A disk may be mounted below another one.
    for (const { id } of this.all.toSorted((a, b) => b.mount.length - a.mount.length)) {
      const attachment = this.#attachments.get(id)!;
      if (!(await attachment.takeOver())) this.#attachments.delete(id);
    }
  }

  /** Makes a volume the root of a new machine that waits for its root. If that fails, the machine is to be ended. */
  async enterRoot(): Promise<void> {
    const root = this.#attachments.get(ROOT_ID);
    await root?.plug();
    await root?.mount();
  }

  /** Reserves the place of a new machine's root, for {@link enterRoot}. */
  setRoot(volume: string): void {
    const root = { id: ROOT_ID, volume, readOnly: false, mount: "/", slot: ROOT_SLOT, mounted: false };
    this.#attachments.set(ROOT_ID, new Attachment(this.#owner, root));
  }

  /** Gives slots to a new machine's disks, for {@link attachAll}. */
  enterAll(disks: readonly DiskSpec[]): void {
    for (const disk of disks) this.#enter(disk);
  }

  /** Attaches a new machine's disks. If that fails, the machine is to be ended, and {@link release} called. */
  async attachAll(): Promise<void> {
    const attachments = [...this.#attachments.values()].filter(({ isRoot }) => !isRoot);
    const plugged = await Promise.allSettled(attachments.map((attachment) => attachment.plug()));
    for (const outcome of plugged) if (outcome.status === "rejected") throw outcome.reason;
    // A disk may be mounted below another one.
    const depth = ({ record }: Attachment) => record.mount.length;
    for (const attachment of attachments.toSorted((a, b) => depth(a) - depth(b))) await attachment.mount();
  }

  /**
   * @throws {DiskError}
   * @throws {GuestError} if it cannot be mounted
   */
  async attach(disk: DiskSpec): Promise<void> {
    await this.#change(async () => {
      const attachment = this.#enter(disk);
      try {
        await this.record(this.all);
        await attachment.plug();
        await attachment.mount();
        await this.record(this.all);
      } catch (error) {
        await this.#undo(attachment);
        throw error;
      }
    });
  }

  /** Also one that could not be taken away completely before. @throws {GuestError} `EBUSY` */
  async detach(id: string, force: boolean): Promise<void> {
    await this.#change(async () => {
      const attachment = this.#attachments.get(id);
      if (!attachment || attachment.isRoot)
        throw new DiskError("UNKNOWN_DISK", `Machine ${this.#owner.machine} has no disk ${id}.`);
      try {
        await attachment.takeAway(force, () => this.record(this.all));
      } catch (error) {
        if (attachment.record.mounted) await this.record(this.all).catch(() => {});
        throw error;
      }
      await this.#forget(attachment);
    });
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
    const { guest, vm } = this.#owner.clone;
    // One that cannot be frozen does not keep the others from being written.
    await Promise.allSettled(slots.map((slot) => guest.call("diskFreeze", { slot, ...params }, signal)));
    return await vm.quit(CLOSE_TIMEOUT_MS);
  }

  /** The machine has ended. @param closed whether its process has closed its disks properly */
  async release(closed: boolean): Promise<void> {
    await this.#end("The machine has ended.", ({ volume }, { storage, machine }) =>
      storage.release(volume, machine, closed),
    );
  }

  /** This process lets go of the machine, which keeps its disks. */
  async leave(): Promise<void> {
    await this.#end("The server is going away.", ({ volume }, { storage, machine }) => storage.leave(volume, machine));
  }

  async #end(why: string, task: (disk: SlotRecord, owner: Owner) => Promise<void>): Promise<void> {
    await this.#changes.run(async () => {
      this.#over ??= why;
      await Promise.all(this.all.map((disk) => task(disk, this.#owner)));
    });
  }

  async #change(task: () => Promise<void>): Promise<void> {
    await this.#changes.run(async () => {
      if (this.#over !== undefined) throw new GuestGone(this.#over);
      await task();
    });
  }

  #enter(disk: DiskSpec): Attachment {
    checkDisk(disk, this.all);
    const taken = new Set(this.all.map(({ slot }) => slot));
    const slot = Array.from({ length: SLOTS }, (_, n) => n).find((n) => !taken.has(n));
    if (slot === undefined)
      throw new DiskError(
        "TOO_MANY_DISKS",
        `Machine ${this.#owner.machine} has ${SLOTS} disks, and can have no more. Detach one first.`,
      );
    const { id, volume, readOnly, mount } = disk;
    const attachment = new Attachment(this.#owner, { id, volume, readOnly, mount, slot, mounted: false });
    this.#attachments.set(id, attachment);
    return attachment;
  }

  /** Takes away what came only partly. If that fails, the machine is killed: nobody knows what it can write. */
  async #undo(attachment: Attachment): Promise<void> {
    try {
      if (!attachment.isAbsent) await attachment.takeAway(true);
      await this.#forget(attachment);
    } catch {
      this.#isDoomed = true;
      await this.#owner.clone.vm.kill();
    }
  }

  /** If it stays on record, a later process finds an empty slot. */
  async #forget(attachment: Attachment): Promise<void> {
    this.#attachments.delete(attachment.record.id);
    await this.record(this.all).catch(() => {});
  }
}
