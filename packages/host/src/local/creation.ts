/** Creates machines: a clone from a warm pool, or a cold boot, which then gets its identity. */

import type { EgressSpec } from "@sandkeep/egress";
import type { JailKind } from "@sandkeep/jail";
import type { MachineSpec } from "../contract.ts";
import { type BeginClone, beginWith, type Clone } from "../machines/clone.ts";
import { coldBoot } from "../machines/cold-boot.ts";
import { type MachineRecord, writeRecord } from "../machines/folder.ts";
import { newIdentity } from "../machines/identity.ts";
import { RunningMachine } from "../machines/machine.ts";
import { Meter, type MeterStart, startMeter } from "../machines/meter.ts";
import { requireMachines } from "../preconditions/require.ts";
import type { TemplateKey } from "../templates/template.ts";
import type { HostParts } from "./parts.ts";
import { makeRoom } from "./room.ts";

type AssignedRecord = MachineRecord & { owner: string; meter: MeterStart };

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
    const { runDir, pools, egress, machines, caCertificates, log } = this.#parts;
    const key = await wanted;
    signal?.throwIfAborted();
    await makeRoom(runDir, pools);
    const { id, owner, memoryMiB, keep } = spec;
    let record: AssignedRecord | undefined;
    const assign = async ({ vm, guest, dir, trusts }: Clone): Promise<void> => {
      record = { id, owner, memoryMiB, keep, meter: startMeter(vm, spec.usage) };
      // The identity contains the time, so it is made now: waiting for a machine may have taken seconds.
      const identity = newIdentity(id, spec.env, trusts ? [] : caCertificates);
      const written = writeRecord(dir, record, { durable: false });
      // Both have settled, so that nothing is written to a folder that is being removed.
      const outcomes = await Promise.allSettled([guest.call("resume", identity, signal), written]);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      signal?.throwIfAborted();
    };
    const clone = await this.#newClone(key, assign, signal).catch(async (error) => {
      // Without any machine, a missing precondition of this computer explains more than QEMU's error.
      if (!record && !signal?.aborted) await requireMachines(this.#jail);
      throw error;
    });
    const meter = Meter.begin(clone.vm, clone.dir, memoryMiB, record!.meter);
    const machine = new RunningMachine({ record: record!, clone, meter, egress, log });
    if (egress && spec.egress) this.#giveEgress(machine, spec.egress);
    machines.add(machine);
    return machine;
  }

  /**
   * Not awaited: until the proxy serves the machine, its traffic waits and nothing leaves. And only in the next turn, so
   * that the client is answered first: linking the socket may wait for the disk, and the proxy and the guest's agent
   * then need the processors.
   */
  #giveEgress(machine: RunningMachine, spec: EgressSpec): void {
    const { log } = this.#parts;
    setImmediate(() => {
      // Its owner may have changed the policy meanwhile.
      if (machine.hasEgress) return;
      machine
        .setEgress(spec)
        .catch((error: Error) => log.error({ sandbox: machine.id, error: error.message }, "no egress"));
    });
  }

  async #newClone(key: TemplateKey, begin: BeginClone, signal: AbortSignal | undefined): Promise<Clone> {
    const { engine, pools, runDir } = this.#parts;
    const pool = await pools.of(key);
    if (!pool) return await beginWith(await coldBoot(engine, runDir, key, signal), begin);
    // Again when its turn comes: those before it have taken memory too.
    return await pool.take(begin, { signal, makeRoom: () => makeRoom(runDir, pools) });
  }
}
