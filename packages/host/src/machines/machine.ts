/** A machine that is assigned to a sandbox: watches its process and agent, and cleans up however it ends. */

import { type Logger, SerialQueue } from "@sandkeep/common";
import type { EgressSpec } from "@sandkeep/egress";
import {
  DiskError,
  type DiskFacts,
  type DiskSpec,
  type Guest,
  GuestGone,
  type Machine,
  type MachineExit,
  type MachineUsage,
} from "../contract.ts";
import { ROOT_SLOT, type VmExit } from "../engine/engine.ts";
import { explained } from "../storage/explained.ts";
import type { LocalStorage } from "../storage/local-storage.ts";
import { type Clone, discard } from "./clone.ts";
import { type MachineRecord, type RootRecord, writeRecord } from "./folder.ts";
import type { MachineDisks } from "./machine-disks.ts";
import type { Meter } from "./meter.ts";
import { snapshotThrowAway } from "./throw-away-root.ts";

/**
 * How long the process may take to exit after the agent's connection closes: a guest that powers off exits on its own.
 */
const POWER_OFF_MS = 2_000;

/** Gives a machine egress, as {@link HostEgress} does. */
export interface MachineEgress {
  attach(id: string, owner: string, socket: string, spec: EgressSpec): Promise<void>;
  update(id: string, owner: string, spec: EgressSpec): Promise<void>;
  detach(id: string): void;
}

/** What a machine needs of the host's storage for snapshots of its root. */
export type RootSnapshots = Pick<LocalStorage, "snapshotVolume" | "keepRoot">;

export interface RunningMachineOptions {
  record: MachineRecord & { owner: string };
  clone: Clone;
  meter: Meter;
  disks: MachineDisks;
  storage: RootSnapshots;
  /** Null: it can reach nothing. */
  egress: MachineEgress | null;
  log: Logger;
}

export class RunningMachine implements Machine {
  readonly id: string;
  readonly guest: Guest;
  readonly exited: Promise<MachineExit>;
  readonly clone: Clone;
  readonly meter: Meter;
  readonly #egress: MachineEgress | null;
  readonly #disks: MachineDisks;
  /** Writes of the record come one after another, so that the last one has the last state. */
  readonly #writes = new SerialQueue();
  /** What must not happen at the same time. */
  readonly #exclusive = new SerialQueue();
  readonly #storage: RootSnapshots;
  readonly #log: Logger;
  #record: MachineRecord & { owner: string };
  #attached = false;
  #destroyed = false;
  /** Whether its process has closed its disks. */
  #closed = false;
  #released = false;
  #gone = false;
  /** While it is being suspended: whether that succeeds, and what undoes it. */
  #leaving: { suspended: Promise<boolean>; undo: () => Promise<void> } | undefined;

  constructor({ record, clone, meter, disks, storage, egress, log }: RunningMachineOptions) {
    const { id } = record;
    this.id = id;
    this.meter = meter;
    this.#record = record;
    this.#egress = egress;
    this.clone = clone;
    this.guest = clone.guest;
    this.#disks = disks;
    this.#storage = storage;
    this.#log = log;
    disks.record = (disks) => this.#change({ disks }, { durable: false });
    const free = (closed: boolean) =>
      disks
        .release(closed)
        .catch((error: unknown) => log.error({ sandbox: id, error: String(error) }, "could not free volumes"));
    // What stays is removed by the next start.
    const cleaning = (task: Promise<void>) =>
      task.catch((error: unknown) => log.error({ sandbox: id, error: String(error) }, "could not remove a machine"));
    this.exited = this.#watch().then(async (exit) => {
      this.#gone = true;
      if (this.#released) return await new Promise<never>(() => {});
      await meter.end();
      const leaving = this.#leaving;
      if (await leaving?.suspended) {
        clone.guest.close();
        // It has no volumes; none comes any more.
        await free(true);
        if (this.#destroyed) {
          await cleaning(leaving!.undo());
          return { reason: "destroyed" };
        }
        log.info({ sandbox: id }, "machine paused");
        return { reason: "paused" };
      }
      await cleaning(discard(clone));
      await free(exit.reason === "powered-off" || this.#closed);
      log.info({ sandbox: id, exit }, "machine ended");
      return exit;
    });
  }

  get keep(): boolean {
    return this.#record.keep;
  }

  /** Does something with the machine while nothing else of this kind happens to it: snapshots, forks, a pause, volumes. */
  exclusively<Result>(task: () => Promise<Result>): Promise<Result> {
    return this.#exclusive.run(task);
  }

  /** Whether it has ended, or somebody is ending it. */
  get isEnding(): boolean {
    return this.#gone || this.#destroyed;
  }

  /** Its root, with the layers that the machine has now; null if it has another kind of root. */
  async root(): Promise<RootRecord | null> {
    const { root } = this.#record;
    // If an earlier attempt failed, the machine may lack the layer that was recorded last.
    return root && { ...root, layers: root.layers.slice(0, await this.clone.vm.slots.depth(ROOT_SLOT)) };
  }

  /** Records that its root may have a further layer from now on. */
  async expectLayer(root: RootRecord, layer: string): Promise<void> {
    await this.#change({ root: { ...root, layers: [...root.layers, layer] } }, { durable: false });
  }

  /** Ids of the volumes that it has. */
  get volumes(): string[] {
    return this.#disks.all.map(({ volume }) => volume);
  }

  get memoryMiB(): number {
    return this.#record.memoryMiB;
  }

  get owner(): string {
    return this.#record.owner;
  }

  async setKeep(keep: boolean): Promise<void> {
    await this.#change({ keep });
  }

  /** Durable when this resolves. */
  async setOwner(owner: string): Promise<void> {
    await this.#change({ owner });
  }

  get disks(): DiskSpec[] {
    return this.#disks.mounted
      .filter(({ slot }) => slot !== ROOT_SLOT)
      .map(({ id, volume, readOnly, mount }) => ({ id, volume, readOnly, mount }));
  }

  async attach(disk: DiskSpec): Promise<void> {
    try {
      await this.exclusively(() => this.#disks.attach(disk));
    } catch (error) {
      // Who asks next finds the volume free.
      if (this.#disks.isDoomed) await this.exited;
      throw error;
    }
  }

  async detach(id: string, { force = false } = {}): Promise<void> {
    await this.exclusively(() => this.#disks.detach(id, force));
  }

  async snapshotRoot(snapshot: string): Promise<DiskFacts> {
    return await this.exclusively(async () => {
      if (this.isEnding) throw new GuestGone(`Machine ${this.id} does not run any more.`);
      const { root } = this.#record;
      const volume = this.#disks.mounted.find(({ slot }) => slot === ROOT_SLOT)?.volume;
      if (volume !== undefined) return await this.#storage.snapshotVolume(volume, snapshot);
      if (!root) throw new DiskError("NOT_BOOTABLE", `Machine ${this.id} was started by a version without snapshots.`);
      return await snapshotThrowAway({
        clone: this.clone,
        root,
        record: (root) => this.#change({ root }, { durable: false }),
        keep: (layers) => this.#storage.keepRoot(snapshot, layers),
      });
    });
  }

  async #change(change: Partial<MachineRecord> & { owner?: string }, options?: { durable: boolean }): Promise<void> {
    this.#record = { ...this.#record, ...change };
    const write = () => writeRecord(this.clone.dir, this.#record, options);
    await this.#writes.run(() => explained(`machine ${this.id}`, write));
  }

  /** Whether a proxy was told what it may reach. */
  get hasEgress(): boolean {
    return this.#attached;
  }

  async usage(): Promise<MachineUsage> {
    return this.meter.read();
  }

  async setEgress(spec: EgressSpec): Promise<void> {
    const { id, clone, owner } = this;
    if (!this.#egress) throw new Error("This host was opened without egress.");
    if (this.#attached) return this.#egress.update(id, owner, spec);
    this.#attached = true;
    this.exited
      .then(() => this.#egress?.detach(id))
      .catch((error: unknown) => this.#log.warn({ sandbox: id, error: String(error) }, "could not end its egress"));
    await this.#egress.attach(id, owner, clone.vm.sockets.egress, spec);
  }

  /** Ends the machine because its guest violated a contract. `detail` is for the operator. */
  violation(detail: string): void {
    this.clone.guest.violation(detail);
  }

  /** Detaches from the machine, which keeps running: another process, or another host in this one, can take it over. */
  async release(): Promise<void> {
    // The other process finds nothing half done.
    await this.exclusively(() => this.#disks.leave());
    this.#released = true;
    await this.meter.flush();
    this.clone.guest.close();
    this.clone.vm.release();
  }

  /**
   * Ends by being suspended, which keeps its folder. If that fails while it still runs, it goes on.
   *
   * @param undo called if it was destroyed meanwhile
   * @throws {GuestGone} if it has ended: its folder is being removed
   */
  async leave(suspend: () => Promise<void>, undo: () => Promise<void>): Promise<MachineExit> {
    if (this.#gone) throw new GuestGone(`Machine ${this.id} does not run any more.`);
    const suspending = suspend();
    const suspended = suspending.then(
      () => true,
      () => false,
    );
    this.#leaving = { suspended, undo };
    await suspending.catch((error: unknown) => {
      this.#leaving = undefined;
      throw error;
    });
    return await this.exited;
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    // Once the process is gone, the kernel no longer knows its usage.
    this.meter.read();
    this.#closed = await this.#disks.close();
    await this.clone.vm.kill();
    await this.exited;
  }

  async #watch(): Promise<MachineExit> {
    const { vm, guest } = this.clone;
    const vmExit = vm.exited.then((exit) => this.#reason(exit));
    const first = await Promise.race([vmExit, guest.ended]);
    if ("reason" in first) return first;
    if (first.kind === "garbage") return { reason: "garbage", detail: first.detail };
    const timeout = AbortSignal.timeout(POWER_OFF_MS);
    const silent = new Promise<MachineExit>((resolve) => {
      timeout.onabort = () => {
        // Whoever destroys it gives its disks longer to close, and ends it then.
        if (!this.#destroyed) resolve({ reason: "crashed", detail: "The agent closed its connection." });
      };
    });
    return Promise.race([vmExit, silent]);
  }

  #reason(exit: VmExit): MachineExit {
    if (this.#destroyed) return { reason: "destroyed" };
    if (exit.code === 0) return { reason: "powered-off" };
    return {
      reason: "crashed",
      detail: `QEMU ended with ${exit.signal ?? `code ${exit.code}`}. ${exit.console}`.trim(),
    };
  }
}
