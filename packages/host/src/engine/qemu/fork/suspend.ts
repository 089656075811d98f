/** Writes a machine to disk and ends it, so that another process can continue it, also after a restart of the server. */
import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "@sandkeep/common";
import type { ForkedFrom, Suspended } from "../../engine.ts";
import { saveState } from "../migration.ts";
import type { QemuProcess } from "../process.ts";
import { all, becomeRoot, loadFrom, saveDevices } from "./fork.ts";
import { allLayers, shareLayers } from "./layers.ts";
import { PageCopier } from "./page-copier.ts";
import { StateFile } from "./state-file.ts";
import { spliceStates } from "./stream.ts";

/** Files of a suspended machine in its folder, besides its disk's layers. */
const suspendedFiles = (dir: string) => ({ state: join(dir, "suspended-state"), pages: join(dir, "suspended-pages") });

/** @param agent the program that copies memory */
export async function suspendProcess(
  vm: QemuProcess,
  from: ForkedFrom,
  { own, method }: Suspended,
  agent: string,
): Promise<void> {
  const { state, pages } = suspendedFiles(vm.dir);
  const remove = () => Promise.all([state, pages].map((path) => rm(path, { force: true })));
  await remove();
  await using copier = new PageCopier(agent);
  await writeFile(state, "", { mode: 0o600 });
  await using file = await StateFile.of(vm, state, "write");
  await copier.ready;
  await vm.pause();
  try {
    if (method === "migration") await saveState(vm, file.name);
    else {
      await all([
        saveDevices(vm, file),
        copier.copy({ memory: from.template.memory, from: { process: vm.process }, to: { file: pages } }),
      ]);
      await file.write(spliceStates(await readFile(from.template.state), await file.read()));
    }
  } catch (error) {
    await vm.resume();
    await remove();
    throw error;
  }
  await vm.qmp.execute("quit").catch(() => {});
  await vm.exited;
  const layers = own.map((name) => join(vm.dir, name));
  // The files become ours again.
  await Promise.all(layers.map((path) => chown(path, process.getuid!(), process.getgid!())));
  await Promise.all([state, ...(method === "copy" ? [pages] : []), ...layers].map((path) => syncPath(path)));
  await syncPath(vm.dir);
}

/** @param agent the program that copies memory */
export async function reviveProcess(
  vm: QemuProcess,
  from: ForkedFrom,
  { dir, own, method }: Suspended & { dir: string },
  beforeRun: () => Promise<void>,
  agent: string,
): Promise<void> {
  const { state, pages } = suspendedFiles(dir);
  const becoming = shareLayers(dir, vm.dir, own).then(() => becomeRoot(vm, allLayers(vm.dir, from, own)));
  await all([becoming, ...(method === "copy" ? [fill(vm, from, pages, agent)] : [])]);
  await loadFrom(vm, state, beforeRun);
}

async function fill(vm: QemuProcess, from: ForkedFrom, pages: string, agent: string): Promise<void> {
  await using copier = new PageCopier(agent);
  await copier.copy({ memory: from.template.memory, from: { file: pages }, to: { process: vm.process } });
}
