/** Creates machines: a clone from a warm pool, or one that enters its root first, which then gets its identity. */
import type { JailKind } from "@sandkeep/jail";
import { DiskError, type MachineSpec } from "../contract.ts";
import { type BeginClone, type Clone, onDiskRoot } from "../machines/clone.ts";
import { writeRecord } from "../machines/folder.ts";
import { newIdentity } from "../machines/identity.ts";
import type { RunningMachine } from "../machines/machine.ts";
import { MachineDisks } from "../machines/machine-disks.ts";
import { startMeter } from "../machines/meter.ts";
import { makeUnpooled } from "../pool/unpooled.ts";
import { requireMachines } from "../preconditions/require.ts";
import type { TemplateKey } from "../templates/template.ts";
import { type AssignedRecord, enterMachine } from "./new-machine.ts";
import type { HostParts } from "./parts.ts";
import { makeRoom } from "./room.ts";

export class Creation {
  readonly #parts: HostParts;
  readonly #jail: JailKind;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: HostParts, jail: JailKind) {
    this.#parts = parts;
    this.#jail = jail;
  }

  /**
   * @param key What it is made from. A promise, so that closing the host also waits while that is being found.
   * @throws {NoCapacity}
   */
  async create(spec: MachineSpec, key: Promise<TemplateKey>, signal?: AbortSignal): Promise<RunningMachine> {
    const creating = this.#create(spec, key, signal);
    this.#underWay.add(creating);
    try {
      return await creating;
    } finally {
      this.#underWay.delete(creating);
    }
  }

  /** Resolves when no creation is in progress any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #create(spec: MachineSpec, wanted: Promise<TemplateKey>, signal?: AbortSignal): Promise<RunningMachine> {
    const { runDir, pools, storage, caCertificates } = this.#parts;
    const key = await wanted;
    signal?.throwIfAborted();
    // Until the machine is listed.
    using _ = this.#parts.templates.hold(key);
    await makeRoom(runDir, pools);
    const { id, owner, memoryMiB, keep } = spec;
    let record: AssignedRecord | undefined;
    let disks: MachineDisks | undefined;
    const assign = async (clone: Clone): Promise<void> => {
      const { vm, guest, dir, from, trusts } = clone;
      // Of a machine that died before this one.
      if (disks) await disks.release(false);
      const own = (disks = new MachineDisks({ machine: id, clone, storage }));
      if (spec.root && "volume" in spec.root) own.setRoot(spec.root.volume);
      own.enterAll(spec.disks ?? []);
      record = {
        id,
        owner,
        memoryMiB,
        keep,
        root: clone.root ?? null,
        disks: own.all,
        meter: startMeter(vm, spec.usage),
        from,
      };
      const entered = key.root.kind === "volume" ? own.enterRoot() : null;
      // The identity contains the time, so it is made now: waiting for a machine may have taken seconds.
      const authorities = trusts ? [] : caCertificates;
      const resume = (signal?: AbortSignal) => guest.call("resume", newIdentity(id, spec.env, authorities), signal);
      const afterwards = (task: () => Promise<unknown>) => (entered ? entered.then(task) : task());
      // All have settled, so that nothing is written to a folder that is being removed.
      const outcomes = await Promise.allSettled([
        afterwards(() => (key.root.kind === "image" ? resume(signal) : onDiskRoot(resume, signal))),
        writeRecord(dir, record, { durable: false }),
        afterwards(() => own.attachAll()),
      ]);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      signal?.throwIfAborted();
    };
    const clone = await this.#newClone(key, assign, signal).catch(async (error) => {
      await disks?.release(false);
      // Without any machine, a missing precondition of this computer explains more than QEMU's error.
      if (!record && !signal?.aborted && !(error instanceof DiskError)) await requireMachines(this.#jail);
      throw error;
    });
    const machine = enterMachine(
      this.#parts,
      { clone: { ...clone, trusts: true }, record: record!, disks: disks! },
      spec.egress,
    );
    try {
      if (disks!.all.length > 0) await disks!.record(disks!.all);
    } catch (error) {
      await machine.destroy();
      throw error;
    }
    return machine;
  }

  async #newClone(key: TemplateKey, begin: BeginClone, signal: AbortSignal | undefined): Promise<Clone> {
    const { pools, runDir } = this.#parts;
    // Again when its turn comes: those before it have taken memory too.
    const options = { signal, makeRoom: () => makeRoom(runDir, pools) };
    const pool = key.root.kind === "volume" ? undefined : await pools.of(key);
    if (pool) return await pool.take(begin, options);
    const clone = await makeUnpooled(key, this.#parts, begin, options);
    // Only now: building the template of this root would slow its first machine down.
    if (key.root.kind !== "volume") void pools.want(key);
    return clone;
  }
}
