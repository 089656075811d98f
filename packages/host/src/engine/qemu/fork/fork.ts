/**
 * Forks a running machine: children that continue where it is now, with its processes, memory and disk. They are clones
 * of the same template, so they share the template's memory, and get only what the parent has changed of it.
 *
 * The parent is paused once for all children, while its devices' state is saved, its disk gets a new layer, and its
 * pages go to the first child. The others get theirs from that one. Where that does not work, its whole state goes
 * through a file by QEMU's own migration, which takes seconds.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ForkedFrom, type ForkOptions, ROOT_SLOT } from "../../engine.ts";
import { loadState, saveState } from "../migration.ts";
import type { QemuProcess } from "../process.ts";
import { allowDisk } from "../slots/file-limit.ts";
import { goOn } from "./go-on.ts";
import { allLayers, freezeLayer, makeLayer, shareLayers } from "./layers.ts";
import { PageCopier } from "./page-copier.ts";
import { StateFile } from "./state-file.ts";
import { spliceStates } from "./stream.ts";

/** @param agent the program that copies memory */
export async function forkProcess(
  parent: QemuProcess,
  children: QemuProcess[],
  from: ForkedFrom,
  { own, next, method, beforePause, onContinued }: ForkOptions,
  agent: string,
): Promise<void> {
  const present = allLayers(parent.dir, from, own);
  const newLayer = join(parent.dir, next);
  await using copier = new PageCopier(agent);
  await using files = new AsyncDisposableStack();
  const give = async (vm: QemuProcess, access: "read" | "write") => files.use(await StateFile.make(vm, access));
  const receivers = method === "copy" ? children : [];
  const giving = Promise.all([give(parent, "write"), ...receivers.map((child) => give(child, "read"))]);
  await all([giving, copier.ready, ...[parent, ...children].map(({ dir }) => makeLayer(join(dir, next), from))]);
  const [devices, ...states] = await giving;
  const copy = (from_: QemuProcess, to: QemuProcess) =>
    copier.copy({ memory: from.template.memory, from: { process: from_.process }, to: { process: to.process } });
  const [first, ...others] = children;
  try {
    const layer = { path: newLayer, bytes: from.root.capacityBytes, durable: false };
    await parent.slots.addLayer(ROOT_SLOT, layer, async (take) => {
      await beforePause();
      const pausedAt = performance.now();
      try {
        await parent.pause();
        // A migration ends with the disks closed, so they are taken before.
        if (method === "migration") await take().then(() => saveState(parent, devices!.name));
        else await all([saveDevices(parent, devices!).then(take), copy(parent, first!)]);
      } finally {
        await goOn(parent);
        onContinued(performance.now() - pausedAt);
      }
    });
  } finally {
    const depth = await parent.slots.depth(ROOT_SLOT).catch(() => null);
    if (depth === present.length) await rm(newLayer, { force: true });
  }
  await freezeLayer(present.at(-1)!);
  const share = async (child: QemuProcess) => {
    await shareLayers(parent.dir, child.dir, own);
    await becomeRoot(child, allLayers(child.dir, from, [...own, next]), from.root.capacityBytes);
  };
  if (method === "migration") {
    await all(children.map(share));
    return await all(children.map((child) => loadFrom(child, devices!.path)));
  }
  const giveState = async () => {
    const state = spliceStates(await readFile(from.template.state), await devices!.read());
    await all(states.map((file) => file.write(state)));
  };
  await all([...children.map(share), ...others.map((other) => copy(first!, other)), giveState()]);
  await all(children.map((child, n) => loadState(child, states[n]!.name)));
}

/** Writes the state of a paused machine's processors and devices. */
export async function saveDevices({ qmp }: QemuProcess, file: StateFile): Promise<void> {
  await qmp.execute("xen-save-devices-state", { filename: file.name, live: true });
}

/** Gives a process that waits for a state another disk. */
export async function becomeRoot({ pid, slots }: QemuProcess, layers: string[], capacityBytes: number): Promise<void> {
  await allowDisk(pid, capacityBytes);
  await slots.unplug(ROOT_SLOT);
  await slots.plug(ROOT_SLOT, { layers, durable: false });
}

/** Loads a state from a file into a process that has its disk already, and its memory if the state lacks that. */
export async function loadFrom(vm: QemuProcess, path: string): Promise<void> {
  await using file = await StateFile.of(vm, path, "read");
  await loadState(vm, file.name);
}

/** Waits for all, also if one fails: nothing goes on behind the back of what follows. */
export async function all(tasks: Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(tasks)) if (outcome.status === "rejected") throw outcome.reason;
}
