/** A machine that is assigned to a sandbox: watches its process and agent, and cleans up however it ends. */
import type { Logger } from "@sandkeep/common";
import type { EgressSpec } from "@sandkeep/egress";
import type { Guest, Machine, MachineExit, MachineUsage } from "../contract.ts";
import type { VmExit } from "../engine/engine.ts";
import { type Clone, discard } from "./clone.ts";
import { type MachineRecord, writeRecord } from "./folder.ts";
import type { Meter } from "./meter.ts";

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

export interface RunningMachineOptions {
  record: MachineRecord & { owner: string };
  clone: Clone;
  meter: Meter;
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
  #record: MachineRecord & { owner: string };
  #attached = false;
  #destroyed = false;
  #released = false;

  constructor({ record, clone, meter, egress, log }: RunningMachineOptions) {
    const { id } = record;
    this.id = id;
    this.meter = meter;
    this.#record = record;
    this.#egress = egress;
    this.clone = clone;
    this.guest = clone.guest;
    this.exited = this.#watch().then(async (exit) => {
      if (this.#released) return await new Promise<never>(() => {});
      await meter.end();
      await discard(clone);
      log.info({ sandbox: id, exit }, "machine ended");
      return exit;
    });
  }

  get keep(): boolean {
    return this.#record.keep;
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

  async #change(change: { keep: boolean } | { owner: string }): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeRecord(this.clone.dir, this.#record);
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
    void this.exited.then(() => this.#egress?.detach(id));
    await this.#egress.attach(id, owner, clone.vm.sockets.egress, spec);
  }

  /** Ends the machine because its guest violated a contract. `detail` is for the operator. */
  violation(detail: string): void {
    this.clone.guest.violation(detail);
  }

  /** Detaches from the machine, which keeps running: another process, or another host in this one, can take it over. */
  async release(): Promise<void> {
    this.#released = true;
    await this.meter.flush();
    this.clone.guest.close();
    this.clone.vm.release();
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    // Once the process is gone, the kernel no longer knows its usage.
    this.meter.read();
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
      timeout.onabort = () => resolve({ reason: "crashed", detail: "The agent closed its connection." });
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
