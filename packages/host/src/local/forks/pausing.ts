/** Pauses machines to disk and resumes them. The steps, and what a crash between them leaves: `machines/paused.ts`. */
import { basename } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { settled } from "@sandkeep/common";
import { ForkError, type ResumeSpec } from "../../contract.ts";
import { discard, loadAndConnect, RUNNING_HELLO_TIMEOUT_MS } from "../../machines/clone.ts";
import { ownLayerIn, writeRecord } from "../../machines/folder.ts";
import { EarlyFreeze, thawProcesses } from "../../machines/freeze.ts";
import { newMoment } from "../../machines/identity.ts";
import type { RunningMachine } from "../../machines/machine.ts";
import { MachineDisks } from "../../machines/machine-disks.ts";
import { startMeter } from "../../machines/meter.ts";
import type { PausedMachines, PausedRecord } from "../../machines/paused.ts";
import { bytesToPin, engineId, pinSource, rootRecord } from "../../machines/source.ts";
import { reserveSpace } from "../../pool/disk.ts";
import { MACHINE_MIB } from "../../pool/memory.ts";
import type { Prepared } from "../../pool/supply.ts";
import { type AssignedRecord, enterMachine } from "../new-machine.ts";
import type { HostParts } from "../parts.ts";
import { reserveRoom } from "../room.ts";
import { sizeOf } from "../size.ts";
import { continuable, withMachine } from "./continuable.ts";
import type { ForkMethods } from "./fork-method.ts";

/** How long a resumed machine's agent may take to set the clock: usually 20 ms. */
const WAKE_MS = 20_000;
/** How often a resumed machine is told that its processes may go on, and how long it rests before, milliseconds. */
const THAW_ATTEMPTS = 5;
const THAW_AGAIN_MS = 1_000;
const MIB = 1024 ** 2;

export class Pausing {
  readonly #parts: HostParts;
  readonly #methods: ForkMethods;
  readonly #paused: PausedMachines;

  constructor(parts: HostParts, methods: ForkMethods, paused: PausedMachines) {
    this.#parts = parts;
    this.#methods = methods;
    this.#paused = paused;
  }

  /** @throws {ForkError} @throws {NoCapacity} @throws {DiskError} `NO_SPACE` */
  async pause(machine: RunningMachine): Promise<void> {
    const { id } = machine;
    // Checks the id.
    this.#paused.folder(id);
    await withMachine(machine, "paused", async () => {
      using stack = new DisposableStack();
      const suspend = await this.#suspension(machine, stack);
      const exit = await machine.leave(suspend, () => this.#paused.remove(id));
      if (exit.reason !== "paused")
        throw new ForkError("UNKNOWN_MACHINE", `Sandbox ${id} was ended while it was being paused.`);
    });
  }

  /** What suspends a machine, once everything that it takes is known and reserved. */
  async #suspension(machine: RunningMachine, reserved: DisposableStack): Promise<() => Promise<void>> {
    const { id, owner, memoryMiB, guest } = machine;
    const { engine, log } = this.#parts;
    const { dir, vm } = machine.clone;
    const { from, root, own } = await continuable(machine, engine, "paused");
    const method = await this.#methods.of(from, sizeOf(memoryMiB));
    const { memoryBytes } = await machine.usage();
    const ownMiB = Math.ceil(memoryBytes / MIB);
    const bytes = memoryBytes + (await bytesToPin(dir, from));
    reserved.use(reserveSpace(dir, bytes, { into: engine.suspendedFiles(dir) }));
    const prepare = async () => {
      const record = { id, owner, memoryMiB, ownMiB, method, own, image: root.image };
      await this.#paused.prepare(dir, { ...record, from: await pinSource(dir, from) });
    };
    return async () => {
      // Nobody uses it any more, so its processes stop while everything else is made ready.
      const freeze = new EarlyFreeze(guest);
      const ready = settled([prepare(), freeze.frozen]);
      // It goes on then, although what is being synced may take a while.
      ready.catch(() => thawProcesses(guest, id, log));
      try {
        await engine.suspend(vm, from, {
          own,
          method,
          beforePause: async () => {
            await ready;
            await freeze.confirm();
          },
          commit: async () => {
            if (machine.isEnding) throw new Error("The machine is being ended.");
            // Everything is written, and is going to have other paths.
            reserved.dispose();
            return await this.#paused.commit(dir, id);
          },
        });
      } catch (error) {
        await ready.catch(() => {});
        await freeze.answered;
        await thawProcesses(guest, id, log);
        throw error;
      }
    };
  }

  /** @throws {ForkError} @throws {NoCapacity} */
  async resume(spec: ResumeSpec): Promise<RunningMachine> {
    const { id } = spec;
    const record = await this.#find(spec);
    const { pools, runDir, storage, log } = this.#parts;
    using _room = await reserveRoom(runDir, pools, Math.max(record.ownMiB, MACHINE_MIB));
    const prepared = await pools.prepare(record.from, sizeOf(record.memoryMiB));
    const { clone, assigned } = await this.#revive(record, spec, prepared)
      .catch(async (error) => {
        await discard(prepared);
        throw error;
      })
      .finally(() => pools.disturb());
    // From here on it runs, whatever happens.
    const disks = new MachineDisks({ machine: id, clone, storage });
    const machine = enterMachine(this.#parts, { clone, record: assigned, disks }, spec.egress);
    // Who pauses or forks it next waits for that. Others need not: a program that is started waits in the agent.
    void machine.exclusively(() => this.#thaw(machine));
    await this.#paused
      .forget(id)
      .catch((error: unknown) => log.warn({ sandbox: id, error: String(error) }, "a paused state was not removed"));
    return machine;
  }

  /** Lets a resumed machine's processes go on. Nothing else would: its agent leaves that to the host. */
  async #thaw(machine: RunningMachine): Promise<void> {
    for (let n = 0; n < THAW_ATTEMPTS && !machine.isEnding; n++) {
      if (n > 0) await wait(THAW_AGAIN_MS, undefined, { ref: false });
      if (await thawProcesses(machine.guest, machine.id, this.#parts.log)) return;
    }
  }

  async #find({ id, owner }: ResumeSpec): Promise<PausedRecord> {
    const record = await this.#paused.find(id);
    if (!record) throw new ForkError("NOT_PAUSED", `This host has no paused sandbox ${id}.`);
    if (record.owner !== owner) throw new ForkError("NOT_PAUSED", `Sandbox ${id} belongs to another server.`);
    if (record.from.engine !== engineId(this.#parts.engine))
      throw new ForkError(
        "CANNOT_RESUME",
        `Sandbox ${id} was paused by another version of QEMU or of its settings, and can only be resumed with that one.`,
      );
    return record;
  }

  /** Makes a process the machine. When this resolves, it is paused no more, but none of its programs runs. */
  async #revive(paused: PausedRecord, spec: ResumeSpec, { vm, dir }: Prepared) {
    const { id, owner, keep, usage } = spec;
    const { own, method, image, memoryMiB } = paused;
    const next = basename(ownLayerIn(dir, rootRecord(dir, paused.from, image, own).layers.length));
    const [from, load] = await settled([
      pinSource(dir, paused.from),
      this.#parts.engine.revive(vm, paused.from, { dir: this.#paused.folder(id), own, method, next }),
    ]);
    const guest = await loadAndConnect(vm, load, RUNNING_HELLO_TIMEOUT_MS);
    try {
      const root = rootRecord(dir, from, image, [...own, next]);
      const meter = startMeter(vm, usage);
      const assigned: AssignedRecord = { id, owner, keep, memoryMiB, root, disks: [], meter, from };
      // While the machine is also paused, its record means nothing.
      await settled([guest.call("wake", newMoment(), AbortSignal.timeout(WAKE_MS)), writeRecord(dir, assigned)]);
      await this.#paused.consume(id);
      return { clone: { vm, dir, guest, root, from }, assigned };
    } catch (error) {
      guest.close();
      throw error;
    }
  }
}
