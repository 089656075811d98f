/** Machines that can be continued elsewhere or later: forked or paused. */
import { access } from "node:fs/promises";
import { errnoOf } from "@sandkeep/common";
import { DiskError, ForkError, GuestError, NoCapacity } from "../../contract.ts";
import type { Engine, ForkedFrom } from "../../engine/engine.ts";
import type { RootRecord } from "../../machines/folder.ts";
import type { RunningMachine } from "../../machines/machine.ts";
import { engineId, ownLayers } from "../../machines/source.ts";
import { explained } from "../../storage/explained.ts";

/**
 * Layers of its own that a machine's disk can have: each fork and each pause adds one, and each costs every machine that
 * has it some descriptors.
 */
export const MAX_OWN_LAYERS = 64;
/** What fails because a machine has ended fails shortly before its end is known. */
const END_KNOWN_MS = 250;

/**
 * Does something with a machine while nothing else of this kind happens to it.
 *
 * @param what for people: what the machine is being
 * @throws {ForkError} `UNKNOWN_MACHINE` if it has ended, or ends meanwhile; `NOT_FORKABLE` if its agent refuses
 * @throws {DiskError} `NO_SPACE` if the host's disk is full
 */
export async function withMachine<Result>(
  machine: RunningMachine,
  what: "forked" | "paused",
  task: () => Promise<Result>,
): Promise<Result> {
  return await machine.exclusively(async () => {
    if (machine.isEnding) throw new ForkError("UNKNOWN_MACHINE", `Sandbox ${machine.id} does not run any more.`);
    try {
      return await explained(`the sandbox ${machine.id}`, task);
    } catch (cause) {
      if (cause instanceof ForkError || cause instanceof NoCapacity || cause instanceof DiskError) throw cause;
      await Promise.race([machine.exited, new Promise((resolve) => setTimeout(resolve, END_KNOWN_MS).unref())]);
      if (!machine.isEnding) throw refusal(machine, what, cause) ?? cause;
      throw new ForkError("UNKNOWN_MACHINE", `Sandbox ${machine.id} ended while it was being ${what}.`, { cause });
    }
  });
}

/** What only the sandbox's user can change: a process that cannot be stopped, for example. */
function refusal({ id }: RunningMachine, what: string, cause: unknown): ForkError | null {
  if (!(cause instanceof GuestError)) return null;
  return new ForkError("NOT_FORKABLE", `Sandbox ${id} could not be ${what}: ${cause.message}`, { cause });
}

export interface Continuable {
  from: ForkedFrom;
  root: RootRecord;
  /** Names of its disk's own layers. */
  own: string[];
}

/**
 * What a machine was made from.
 *
 * @throws {ForkError} if it cannot be continued; it can still be paused with one layer more than it can be forked with
 */
export async function continuable(
  machine: RunningMachine,
  engine: Engine,
  what: "forked" | "paused",
): Promise<Continuable> {
  const { volumes, clone, id } = machine;
  if (volumes.length > 0)
    throw new ForkError(
      "HAS_VOLUMES",
      `Sandbox ${id} has volumes (${volumes.join(", ")}), so it can be neither forked nor paused. Detach them first.`,
    );
  const { from } = clone;
  const root = await machine.root();
  const refuse = (why: string) =>
    new ForkError("NOT_FORKABLE", `Sandbox ${id} can be neither forked nor paused: ${why}`);
  if (!from || !root) throw refuse("it was made by an earlier version of the server. Create a new one.");
  if (from.engine !== engineId(engine))
    throw refuse(
      "it runs in another version of QEMU, or with other settings, than the server now uses. Create a new one.",
    );
  try {
    await access(from.template.memory);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw refuse("the template that it was made from was removed. Create a new one.");
  }
  const own = ownLayers(from, root);
  if (own.length > MAX_OWN_LAYERS)
    throw refuse(`its disk has ${own.length} layers from earlier forks, pauses and snapshots, too many to merge.`);
  if (own.length === MAX_OWN_LAYERS && what === "forked")
    throw new ForkError(
      "NOT_FORKABLE",
      `Sandbox ${id} cannot be forked: its disk has ${own.length} layers from earlier forks, pauses and snapshots. Pause and resume it, which merges them.`,
    );
  return { from, root, own };
}
