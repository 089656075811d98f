/** FOR TESTS ONLY: a computer with one machine of a fake engine, on which one process of the host follows another. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ForkedFrom, ROOT_SLOT } from "../../engine/engine.ts";
import { FakeEngine, type FakeVm } from "../../engine/testing/fake-engine.ts";
import { connectGuest } from "../../machines/clone.ts";
import { createFolder, writeRecord } from "../../machines/folder.ts";
import type { RunningMachine } from "../../machines/machine.ts";
import { MachineDisks } from "../../machines/machine-disks.ts";
import { startMeter } from "../../machines/meter.ts";
import { PausedMachines } from "../../machines/paused.ts";
import { engineId, rootRecord } from "../../machines/source.ts";
import type { Pools } from "../../pool/pools.ts";
import { openStorage } from "../../storage/testing/opened-storage.ts";
import { adoptMachines, removeUnowned } from "../adoption.ts";
import type { ForkMethods } from "../forks/fork-method.ts";
import { Forking } from "../forks/forking.ts";
import { Pausing } from "../forks/pausing.ts";
import { enterMachine } from "../new-machine.ts";
import { sizeOf } from "../size.ts";
import { hostParts } from "./host-parts.ts";

export const ID = "sbx_1";
export const OWNER = "cp_1";
export const spec = { id: ID, owner: OWNER, keep: true };
const PATIENCE_MS = 60_000;

export async function openComputer() {
  const dir = mkdtempSync(join(tmpdir(), "sk-computer-"));
  const folder = (name: string) => (mkdirSync(join(dir, name)), join(dir, name));
  const engine = new FakeEngine();
  const [runDir, pausedDir, files] = [folder("run"), folder("paused"), folder("template")];
  const storage = await openStorage(folder("storage"));
  const from: ForkedFrom = {
    template: engine.templateFiles(files, true),
    root: { layers: [join(files, "root")], capacityBytes: 1024 },
    engine: engineId(engine),
  };
  for (const name of ["memory", "state", "layer", "empty", "root"]) writeFileSync(join(files, name), name);

  const prepare = async () => {
    const folder = createFolder(runDir);
    const vm = (await engine.prepare({ dir: folder, size: sizeOf(1_280), root: from.root })) as FakeVm;
    return { dir: folder, vm };
  };

  /** Starts a process of the host, after what the one before has left. */
  const start = async () => {
    await engine.endSuspended(pausedDir);
    const paused = await PausedMachines.open(pausedDir);
    const pools = { prepare, shrink: async () => false, disturb() {} } as unknown as Pools;
    const parts = await hostParts(dir, { engine, runDir, pools, storage });
    await removeUnowned({ ...parts, paused });
    const methods = { of: async () => "copy" } as unknown as ForkMethods;
    const adopt = () => adoptMachines(parts, { owner: OWNER, from: OWNER, ids: [ID] });
    return {
      parts,
      paused,
      pausing: new Pausing(parts, methods, paused),
      forking: new Forking(parts, methods),
      adopt,
    };
  };

  /** A machine that runs. */
  const run = async ({ parts }: Awaited<ReturnType<typeof start>>): Promise<RunningMachine> => {
    const { vm, dir: folder } = await prepare();
    await vm.load();
    const root = rootRecord(folder, from, "debian", ["disk.qcow2"]);
    vm.slots.disks.set(ROOT_SLOT, { layers: [...root.layers], bytes: 0 });
    const clone = { vm, dir: folder, guest: await connectGuest(vm, PATIENCE_MS), from };
    const disks = new MachineDisks({ machine: ID, clone, storage });
    const meter = startMeter(vm);
    const record = { ...spec, memoryMiB: 1_280, root, disks: [], meter, from };
    await writeRecord(folder, record);
    return enterMachine(parts, { clone, record, disks }, undefined);
  };
  return {
    engine,
    start,
    run,
    runDir,
    pausedDir,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(engine.alive.map((vm) => vm.kill()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
