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
import { settled } from "@sandkeep/common";
import { type ForkedFrom, type ForkOptions, ROOT_SLOT } from "../../engine.ts";
import { loadState, saveState } from "../migration.ts";
import type { QemuProcess } from "../process.ts";
import { allowDisk } from "../slots/file-limit.ts";
import { goOn } from "./go-on.ts";
import { allLayers, freezeLayer, makeLayer, shareLayers } from "./layers.ts";
import type { PageCopiers } from "./page-copiers.ts";
import { StateFile } from "./state-file.ts";
import { spliceStates } from "./stream.ts";

/** Resolves to what lets each child run. */
export async function forkProcess(
  parent: QemuProcess,
  children: QemuProcess[],
  from: ForkedFrom,
  { own, next, method, beforePause, onContinued }: ForkOptions,
  copiers: PageCopiers,
): Promise<(() => Promise<void>)[]> {
  const present = allLayers(parent.dir, from, own);
  const newLayer = join(parent.dir, next);
  await using lent = copiers.lend();
  const { copier } = lent;
  await using files = new AsyncDisposableStack();
  await using childrensFiles = new AsyncDisposableStack();
  const toLoad: StateFile[] = [];
  const give = async (n: number, file: Promise<StateFile>) => void (toLoad[n] = childrensFiles.use(await file));
  const [devices, giveRoots] = await settled([
    StateFile.make(parent, "write").then((file) => files.use(file)),
    settled(children.map((child) => vacateRoot(child, from))),
    copier.ready,
    ...[parent, ...children].map(({ dir }) => makeLayer(join(dir, next), from)),
    ...(method === "copy" ? children.map((child, n) => give(n, StateFile.make(child, "read"))) : []),
  ]);
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
        if (method === "migration") await take().then(() => saveState(parent, devices.name));
        else await settled([saveDevices(parent, devices).then(take), copy(parent, first!)]);
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
  const share = async (child: QemuProcess, n: number) => {
    await shareLayers(parent.dir, child.dir, own);
    await giveRoots[n]!([...own, next]);
  };
  const giveState = async () => {
    if (method === "migration")
      return await settled(children.map((child, n) => give(n, StateFile.link(child, devices.path))));
    const state = spliceStates(await readFile(from.template.state), await devices.read());
    return await settled(toLoad.map((file) => file.write(state)));
  };
  await settled([
    ...children.map(share),
    ...(method === "copy" ? others.map((other) => copy(first!, other)) : []),
    giveState(),
  ]);
  childrensFiles.move();
  return children.map((child, n) => async () => {
    await using file = toLoad[n]!;
    await loadState(child, file.name);
  });
}

/** Writes the state of a paused machine's processors and devices. */
export async function saveDevices({ qmp }: QemuProcess, file: StateFile): Promise<void> {
  await qmp.execute("xen-save-devices-state", { filename: file.name, live: true });
}

/**
 * Takes the disk from a process that waits for a state, except for what is below the disks of all machines from there.
 * Resolves to what gives it another one, with these layers in the machine's folder on top.
 */
export async function vacateRoot(
  { pid, slots, dir }: QemuProcess,
  from: ForkedFrom,
): Promise<(own: readonly string[]) => Promise<void>> {
  await allowDisk(pid, from.root.capacityBytes);
  let open = await slots.vacate(ROOT_SLOT);
  // Layers of a snapshot may have been merged meanwhile.
  if (open !== allLayers(dir, from, []).length) {
    await slots.unplug(ROOT_SLOT);
    open = 0;
  }
  return (own) => slots.plug(ROOT_SLOT, { layers: allLayers(dir, from, own), durable: false, open });
}
