/** Forks machines. */
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { Gate, settled } from "@sandkeep/common";
import { type ForkSpec, GuestGone } from "../../contract.ts";
import type { ForkedFrom } from "../../engine/engine.ts";
import { type Clone, discard, killOnAbort, loadAndConnect } from "../../machines/clone.ts";
import { ownLayerIn, type RootRecord, writeRecord } from "../../machines/folder.ts";
import { EarlyFreeze, thawProcesses } from "../../machines/freeze.ts";
import { newIdentity } from "../../machines/identity.ts";
import type { RunningMachine } from "../../machines/machine.ts";
import { MachineDisks } from "../../machines/machine-disks.ts";
import { startMeter } from "../../machines/meter.ts";
import { isPinned, pinSource, rootRecord } from "../../machines/source.ts";
import type { Prepared } from "../../pool/supply.ts";
import { type AssignedRecord, enterMachine } from "../new-machine.ts";
import type { HostParts } from "../parts.ts";
import { reserveRoom } from "../room.ts";
import { sizeOf } from "../size.ts";
import { continuable, withMachine } from "./continuable.ts";
import type { ForkMethods } from "./fork-method.ts";

/** How long a child's agent may take to answer, and to confirm the identity: usually 0.2 s, on a busy computer more. */
const CHILD_HELLO_MS = 30_000;
const CHILD_IDENTITY_MS = 60_000;
const MIB = 1024 ** 2;

export class Forking {
  readonly #parts: HostParts;
  readonly #methods: ForkMethods;

  constructor(parts: HostParts, methods: ForkMethods) {
    this.#parts = parts;
    this.#methods = methods;
  }

  /** All children, or none. @throws {ForkError} @throws {NoCapacity} */
  async fork(parent: RunningMachine, specs: ForkSpec[]): Promise<RunningMachine[]> {
    return await withMachine(parent, "forked", async () => {
      const { engine, runDir, pools, storage, log } = this.#parts;
      const { from, root, own } = await continuable(parent, engine, "forked");
      const size = sizeOf(parent.memoryMiB);
      const method = await this.#methods.of(from, size);
      // Each child gets a copy of what is the parent's own.
      const eachMiB = Math.ceil((await parent.usage()).memoryBytes / MIB);
      using _room = await reserveRoom(runDir, pools, specs.length * eachMiB);
      const prepared: Prepared[] = [];
      try {
        await settled(specs.map(async () => prepared.push(await pools.prepare(from, size))));
        const vms = prepared.map(({ vm }) => vm);
        const next = basename(ownLayerIn(parent.clone.dir, root.layers.length));
        await parent.expectLayer(root, join(parent.clone.dir, next));
        // Making several ready takes longer than they should stand still.
        const loads = await this.#whileFrozen(parent, specs.length === 1, (freeze, thaw) =>
          engine.fork(parent.clone.vm, vms, from, {
            own,
            next,
            method,
            beforePause: freeze,
            onContinued(pausedMs) {
              log.debug({ sandbox: parent.id, children: specs.length, pausedMs }, "forked");
              thaw();
            },
          }),
        );
        const begin = (process: Prepared, n: number) =>
          this.#identify({ ...process, from }, loads[n]!, parent, specs[n]!, (dir, from) =>
            rootRecord(dir, from, root.image, [...own, next]),
          );
        const children = await allOrNone(prepared, begin);
        return children.map(({ clone, record }, n) => {
          const disks = new MachineDisks({ machine: record.id, clone, storage });
          return enterMachine(this.#parts, { clone, record, disks }, specs[n]!.egress);
        });
      } catch (error) {
        await Promise.all(prepared.map((process) => discard(process)));
        throw error;
      } finally {
        pools.disturb();
      }
    });
  }

  /**
   * Lets the task stop the parent's processes, and say when they may go on.
   *
   * @param atOnce whether they stop at once, and the rest is made ready meanwhile
   */
  async #whileFrozen<Result>(
    { id, guest }: RunningMachine,
    atOnce: boolean,
    task: (freeze: () => Promise<void>, thaw: () => void) => Promise<Result>,
  ): Promise<Result> {
    const { log } = this.#parts;
    let since: number | undefined;
    let early: EarlyFreeze | undefined;
    let thawed: Promise<void> | undefined;
    const freeze = () => {
      since ??= performance.now();
      return (early ??= new EarlyFreeze(guest));
    };
    const goOn = async () => {
      // The agent could do it in another order.
      await early?.answered;
      await thawProcesses(guest, id, log);
      if (since !== undefined)
        log.debug({ sandbox: id, stoodStillMs: performance.now() - since }, "its processes go on");
    };
    const thaw = () => {
      thawed ??= goOn();
    };
    if (atOnce) freeze();
    try {
      return await task(() => freeze().confirm(), thaw);
    } finally {
      thaw();
      await thawed;
    }
  }

  /** Lets a child run, and gives it its identity. Until that is confirmed, none of its processes runs. */
  async #identify(
    { vm, dir, from: source }: Omit<Clone, "guest" | "from"> & { from: ForkedFrom },
    load: () => Promise<void>,
    parent: RunningMachine,
    spec: ForkSpec,
    rootOf: (dir: string, from: ForkedFrom) => RootRecord,
  ): Promise<{ clone: Clone; record: AssignedRecord }> {
    // What is in the parent's folder goes when the parent does.
    const from = isPinned(parent.clone.dir, source) ? await pinSource(dir, source) : source;
    const guest = await loadAndConnect(vm, load, CHILD_HELLO_MS);
    const { id, owner, keep } = spec;
    const { memoryMiB } = parent;
    const root = rootOf(dir, from);
    const record = { id, owner, keep, memoryMiB, root, disks: [], meter: startMeter(vm, spec.usage), from };
    try {
      const authorities = parent.clone.trusts ? [] : this.#parts.caCertificates;
      const identity = newIdentity(id, spec.env, authorities);
      await guest.call("resume", identity, AbortSignal.timeout(CHILD_IDENTITY_MS)).catch((error: Error) => {
        if (error.name !== "TimeoutError") throw error;
        throw new GuestGone(`A fork did not confirm its identity within ${CHILD_IDENTITY_MS / 1_000} s.`);
      });
      // Not before: a later server would take over a machine that has a record, and let its processes go on.
      await writeRecord(dir, record, { durable: false });
      return { clone: { vm, guest, dir, root, from, trusts: true }, record };
    } catch (error) {
      guest.close();
      throw error;
    }
  }
}

/**
 * Begins with all children, as many at a time as there are processors: more would mostly wait for each other. They may
 * let the host wait, so whoever waits for another machine does not wait for them. Once one fails, the others are ended.
 *
 * @throws what the first to fail has thrown
 */
async function allOrNone<Result>(
  children: readonly Prepared[],
  begin: (child: Prepared, n: number) => Promise<Result>,
): Promise<Result[]> {
  const gate = new Gate(availableParallelism());
  const failed = new AbortController();
  const { signal } = failed;
  const beginOne = async (child: Prepared, n: number) => {
    try {
      return await killOnAbort(child.vm, signal, () => begin(child, n));
    } catch (error) {
      // Before the next one's turn.
      failed.abort(error);
      throw error;
    }
  };
  return await settled(children.map((child, n) => gate.run(() => beginOne(child, n), signal)));
}
