/** Forks machines. */
import { basename, join } from "node:path";
import { ForkError, type ForkSpec, GuestGone } from "../contract.ts";
import type { ForkedFrom } from "../engine/engine.ts";
import { type Clone, connectGuest, discard } from "../machines/clone.ts";
import { ownLayerIn, type RootRecord, writeRecord } from "../machines/folder.ts";
import { newIdentity } from "../machines/identity.ts";
import type { RunningMachine } from "../machines/machine.ts";
import { MachineDisks } from "../machines/machine-disks.ts";
import { startMeter } from "../machines/meter.ts";
import { isPinned, ownLayers, pinSource, rootRecord } from "../machines/source.ts";
import type { Prepared } from "../pool/supply.ts";
import type { ForkMethods } from "./fork-method.ts";
import { type AssignedRecord, enterMachine } from "./new-machine.ts";
import type { HostParts } from "./parts.ts";
import { makeRoom } from "./room.ts";
import { sizeOf } from "./size.ts";

/**
 * After this time the parent's processes go on, even if the server dies. It is longer than all that a child may take
 * until it has its identity: its processes must not go on before.
 */
export const FREEZE_MS = 180_000;
/** How long a child's agent may take to answer, and to confirm the identity: usually 0.2 s, on a busy computer more. */
const CHILD_HELLO_MS = 30_000;
const CHILD_IDENTITY_MS = 60_000;

export class Forking {
  readonly #parts: HostParts;
  readonly #methods: ForkMethods;

  constructor(parts: HostParts, methods: ForkMethods) {
    this.#parts = parts;
    this.#methods = methods;
  }

  /** All children, or none. @throws {ForkError} @throws {NoCapacity} */
  async fork(parent: RunningMachine, specs: ForkSpec[]): Promise<RunningMachine[]> {
    return await parent.exclusively(async () => {
      const { from, root } = await sourceOf(parent);
      const { engine, pools, storage, log } = this.#parts;
      const size = sizeOf(parent.memoryMiB);
      const method = await this.#methods.of(from, size);
      await this.#makeRoom(parent, specs.length);
      const prepared: Prepared[] = [];
      try {
        await settled(specs.map(async () => prepared.push(await pools.prepare(from, size))));
        const vms = prepared.map(({ vm }) => vm);
        const own = ownLayers(from, root);
        const next = basename(ownLayerIn(parent.clone.dir, root.layers.length));
        await parent.expectLayer(root, join(parent.clone.dir, next));
        await this.#frozen(parent, (thaw) =>
          engine.fork(parent.clone.vm, vms, from, {
            own,
            next,
            method,
            onContinued(pausedMs) {
              thaw();
              log.debug({ sandbox: parent.id, children: specs.length, pausedMs }, "forked");
            },
          }),
        );
        const children = await settled(
          prepared.map((process, n) =>
            this.#identify({ ...process, from }, parent, specs[n]!, (dir, from) =>
              rootRecord(dir, from, root.image, [...own, next]),
            ),
          ),
        );
        return children.map(({ clone, record }, n) => {
          const disks = new MachineDisks({ machine: record.id, clone, storage });
          return enterMachine(this.#parts, { clone, record, disks }, specs[n]!.egress);
        });
      } catch (error) {
        await Promise.all(prepared.map((process) => discard(process)));
        throw error;
      }
    });
  }

  async #makeRoom(parent: RunningMachine, count: number): Promise<void> {
    const { runDir, pools } = this.#parts;
    // Each child gets a copy of what is the parent's own.
    const eachMiB = ((await parent.usage()).memoryBytes / 1024 ** 2) | 0;
    await makeRoom(runDir, pools, count * eachMiB);
  }

  /** Stops the parent's processes for the task, which says when they may go on. */
  async #frozen(parent: RunningMachine, task: (thaw: () => void) => Promise<void>): Promise<void> {
    const { guest } = parent;
    let thawed: Promise<unknown> | undefined;
    const thaw = () => {
      thawed ??= guest.call("thawProcesses", {});
      thawed.catch(() => {});
    };
    try {
      await guest.call("freezeProcesses", { thawAfterMs: FREEZE_MS });
      await task(thaw);
    } finally {
      thaw();
      // If this fails, they go on after the time above.
      await thawed!.catch(() => {});
    }
  }

  /** Gives a child its identity. Until that is confirmed, none of its processes runs. */
  async #identify(
    { vm, dir, from: source }: Omit<Clone, "guest" | "from"> & { from: ForkedFrom },
    parent: RunningMachine,
    spec: ForkSpec,
    rootOf: (dir: string, from: ForkedFrom) => RootRecord,
  ): Promise<{ clone: Clone; record: AssignedRecord }> {
    // What is in the parent's folder goes when the parent does.
    const from = isPinned(parent.clone.dir, source) ? await pinSource(dir, source) : source;
    const guest = await connectGuest(vm, CHILD_HELLO_MS);
    const { id, owner, keep } = spec;
    const { memoryMiB } = parent;
    const root = rootOf(dir, from);
    const record = { id, owner, keep, memoryMiB, root, disks: [], meter: startMeter(vm, spec.usage), from };
    try {
      const identity = newIdentity(id, spec.env, this.#parts.caCertificates);
      await guest.call("resume", identity, AbortSignal.timeout(CHILD_IDENTITY_MS)).catch((error: Error) => {
        if (error.name !== "TimeoutError") throw error;
        throw new GuestGone(`A fork did not confirm its identity within ${CHILD_IDENTITY_MS / 1_000} s.`);
      });
      // Not before: a later server would take over a machine that has a record, and let its processes go on.
      await writeRecord(dir, record, { durable: false });
      return { clone: { vm, guest, dir, root, from }, record };
    } catch (error) {
      guest.close();
      throw error;
    }
  }
}

/** Waits for all, also if one fails, so that nothing goes on while the rest is removed. */
async function settled<Result>(tasks: Promise<Result>[]): Promise<Result[]> {
  const outcomes = await Promise.allSettled(tasks);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}

/** What a machine was made from. @throws {ForkError} if it cannot be copied */
export async function sourceOf(machine: RunningMachine): Promise<{ from: ForkedFrom; root: RootRecord }> {
  const { volumes, clone } = machine;
  if (volumes.length > 0)
    throw new ForkError(
      "HAS_VOLUMES",
      `Sandbox ${machine.id} has volumes (${volumes.join(", ")}), so it can be neither forked nor paused. Detach them first.`,
    );
  const { from } = clone;
  const root = await machine.root();
  if (!from || !root)
    throw new ForkError(
      "NOT_FORKABLE",
      `Sandbox ${machine.id} was made by an earlier version of the server, and can be neither forked nor paused.`,
    );
  return { from, root };
}
