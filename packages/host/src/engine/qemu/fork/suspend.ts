/**
 * Writes a machine to disk and ends it, so that another process can continue it, also after a restart of the server.
 *
 * Until the commit, the machine is only paused: if anything fails, it goes on, and if the server is killed, the next one
 * lets it go on. From the commit on, it is in its folder, and the process only remains to be ended.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { settled, syncPath } from "@sandkeep/common";
import type { ForkedFrom, ReviveOptions, SuspendOptions } from "../../engine.ts";
import { loadState, saveState } from "../migration.ts";
import { type QemuProcess, socketsIn } from "../process.ts";
import { PROCESS_RECORD } from "../process-record.ts";
import { saveDevices, vacateRoot } from "./fork.ts";
import { goOn } from "./go-on.ts";
import { makeLayer, retireLayer, shareLayers } from "./layers.ts";
import type { PageCopiers } from "./page-copiers.ts";
import { StateFile } from "./state-file.ts";
import { spliceStates } from "./stream.ts";

/** Files of a suspended machine in its folder, besides its disk's layers. */
export const suspendedFiles = (dir: string) => ({
  state: join(dir, "suspended-state"),
  pages: join(dir, "suspended-pages"),
});

/** Removes what a suspension that did not succeed has left in a machine's folder. */
export async function removeSuspended(dir: string): Promise<void> {
  for (const path of Object.values(suspendedFiles(dir))) await rm(path, { force: true });
}

export async function suspendProcess(
  vm: QemuProcess,
  from: ForkedFrom,
  { own, method, beforePause, commit }: SuspendOptions,
  copiers: PageCopiers,
): Promise<void> {
  const { state, pages } = suspendedFiles(vm.dir);
  const layers = own.map((name) => join(vm.dir, name));
  await using lent = copiers.lend();
  const { copier } = lent;
  await removeSuspended(vm.dir);
  await using unfinished = new AsyncDisposableStack();
  unfinished.defer(() => removeSuspended(vm.dir));
  await using opened = new AsyncDisposableStack();
  const openState = async () => {
    await writeFile(state, "", { mode: 0o600 });
    return opened.use(await StateFile.of(vm, state, "write"));
  };
  const sync = (paths: string[]) => settled(paths.map((path) => syncPath(path)));
  const save = async (file: StateFile) => {
    if (method === "migration") await saveState(vm, file.name);
    else {
      await saveDevices(vm, file);
      await file.write(spliceStates(template, await file.read()));
    }
    // With its state, QEMU gives up the disk, and writes what is left to write.
    await sync([state, ...layers]);
  };
  const savePages = async () => {
    await copier.copy({ memory: from.template.memory, from: { process: vm.process }, to: { file: pages } });
    // No other file is new by now.
    await sync([pages, vm.dir]);
  };
  // Most of the disk is synced while the machine still runs.
  const [file] = await settled([openState(), copier.ready, sync(layers)]);
  const template = await readFile(from.template.state);
  await beforePause();
  let dir: string;
  try {
    await vm.pause();
    await settled([save(file), method === "copy" ? savePages() : syncPath(vm.dir)]);
    dir = await commit();
  } catch (error) {
    await goOn(vm);
    throw error;
  }
  unfinished.move();
  // Nothing is left to write. What fails here besides is done when the machine is revived, or does no harm.
  await settled([vm.kill(), tidy(dir, own).catch(() => {})]);
  // By which the next server finds the process.
  await rm(join(dir, PROCESS_RECORD), { force: true }).catch(() => {});
}

async function tidy(dir: string, own: readonly string[]): Promise<void> {
  await settled([
    ...Object.values(socketsIn(dir)).map((path) => rm(path, { force: true })),
    ...own.map((name) => retireLayer(join(dir, name))),
  ]);
}

/** Resolves to what lets it run. */
export async function reviveProcess(
  vm: QemuProcess,
  from: ForkedFrom,
  { dir, own, next, method }: ReviveOptions,
  copiers: PageCopiers,
): Promise<() => Promise<void>> {
  const { state, pages } = suspendedFiles(dir);
  const become = async () => {
    const [giveRoot] = await settled([
      vacateRoot(vm, from),
      // Again, if the server was killed right after the machine was suspended.
      ...own.map((name) => retireLayer(join(dir, name))),
      shareLayers(dir, vm.dir, own),
      makeLayer(join(vm.dir, next), from),
    ]);
    await giveRoot([...own, next]);
  };
  await using opened = new AsyncDisposableStack();
  const openState = async () => opened.use(await StateFile.of(vm, state, "read"));
  const filled = method === "copy" ? fill(vm, from, pages, copiers) : undefined;
  const [file] = await settled([openState(), become(), filled]);
  opened.move();
  return async () => {
    await using _ = file;
    await loadState(vm, file.name);
  };
}

async function fill(vm: QemuProcess, from: ForkedFrom, pages: string, copiers: PageCopiers): Promise<void> {
  await using lent = copiers.lend();
  await lent.copier.copy({ memory: from.template.memory, from: { file: pages }, to: { process: vm.process } });
}
