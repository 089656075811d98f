/** Pauses machines to disk and resumes them. */
import { ForkError, type ResumeSpec } from "../contract.ts";
import { connectGuest, discard, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { writeRecord } from "../machines/folder.ts";
import { newIdentity } from "../machines/identity.ts";
import type { RunningMachine } from "../machines/machine.ts";
import { MachineDisks } from "../machines/machine-disks.ts";
import { startMeter } from "../machines/meter.ts";
import type { PausedMachines } from "../machines/paused.ts";
import { ownLayers, pinSource, rootRecord } from "../machines/source.ts";
import type { ForkMethods } from "./fork-method.ts";
import { FREEZE_MS, sourceOf } from "./forking.ts";
import { type AssignedRecord, enterMachine } from "./new-machine.ts";
import type { HostParts } from "./parts.ts";
import { makeRoom } from "./room.ts";
import { sizeOf } from "./size.ts";

export class Pausing {
  readonly #parts: HostParts;
  readonly #methods: ForkMethods;
  readonly #paused: PausedMachines;

  constructor(parts: HostParts, methods: ForkMethods, paused: PausedMachines) {
    this.#parts = parts;
    this.#methods = methods;
    this.#paused = paused;
  }

  async pause(machine: RunningMachine): Promise<void> {
    const { engine } = this.#parts;
    const { vm, dir, guest } = machine.clone;
    this.#paused.folder(machine.id);
    await machine.exclusively(async () => {
      const { from: source, root } = await sourceOf(machine);
      const method = await this.#methods.of(source, sizeOf(machine.memoryMiB));
      try {
        const [from] = await Promise.all([
          pinSource(dir, source),
          guest.call("freezeProcesses", { thawAfterMs: FREEZE_MS }),
        ]);
        await machine.leave(async () => {
          const own = ownLayers(source, root);
          await engine.suspend(vm, source, { own, method });
          await this.#paused.add(dir, {
            id: machine.id,
            owner: machine.owner,
            memoryMiB: machine.memoryMiB,
            method,
            own,
            image: root.image,
            fingerprint: engine.fingerprint,
            from,
          });
        });
      } catch (error) {
        await guest.call("thawProcesses", {}).catch(() => {});
        throw error;
      }
    });
  }

  async resume(spec: ResumeSpec): Promise<RunningMachine> {
    const { id, owner, keep } = spec;
    const record = await this.#paused.find(id);
    if (!record) throw new ForkError("NOT_PAUSED", `This host has no paused sandbox ${id}.`);
    if (record.owner !== owner) throw new ForkError("NOT_PAUSED", `Sandbox ${id} belongs to another server.`);
    const { engine, pools, runDir, storage } = this.#parts;
    if (record.fingerprint !== engine.fingerprint)
      throw new ForkError(
        "CANNOT_RESUME",
        `Sandbox ${id} was paused by another version of QEMU or of its settings, and can only be resumed with that one.`,
      );
    await makeRoom(runDir, pools);
    const { memoryMiB, own, method } = record;
    const { vm, dir } = await pools.prepare(record.from, sizeOf(memoryMiB));
    try {
      const saved = { dir: this.#paused.folder(id), own, method };
      await engine.revive(vm, record.from, saved, () => this.#paused.consume(id));
      const from = await this.#paused.handOver(record, dir);
      const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
      const root = rootRecord(dir, from, record.image, own);
      const assigned: AssignedRecord = {
        id,
        owner,
        keep,
        memoryMiB,
        root,
        disks: [],
        meter: startMeter(vm, spec.usage),
        from,
      };
      const { unixTimeNs, entropy } = newIdentity(id, {}, []);
      await writeRecord(dir, assigned, { durable: false });
      await guest.call("wake", { unixTimeNs, entropy });
      const clone = { vm, dir, guest, root, from };
      const disks = new MachineDisks({ machine: id, clone, storage });
      return enterMachine(this.#parts, { clone, record: assigned, disks }, spec.egress);
    } catch (error) {
      await discard({ vm, dir });
      throw error;
    } finally {
      await this.#paused.forget(id);
    }
  }
}
