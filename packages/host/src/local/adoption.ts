/** What a former process left: machines that are to be kept are taken over, everything else is removed. */
import { connectGuest, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { listFolders, type MachineRecord, readRecord, removeFolder } from "../machines/folder.ts";
import { RunningMachine } from "../machines/machine.ts";
import type { HostParts } from "./parts.ts";

export async function adoptMachines(parts: HostParts, ids: string[]): Promise<RunningMachine[]> {
  const { engine, runDir, log } = parts;
  const folders = await Promise.all(
    (await listFolders(runDir)).map(async (dir) => ({ dir, record: await readRecord(dir) })),
  );
  const kept = folders.filter(({ record }) => record?.keep && ids.includes(record.id));
  const machines = (await Promise.all(kept.map(({ dir, record }) => takeOver(parts, dir, record!)))).filter(
    (machine) => machine !== null,
  );
  // Afterwards: what could not be taken over is nobody's, and must not run on without a folder.
  const taken = new Set(machines.map(({ clone }) => clone.dir));
  await engine.sweep(runDir, taken);
  await Promise.all(
    folders
      .filter(({ dir }) => !taken.has(dir))
      .map(async ({ dir, record }) => {
        await removeFolder(dir);
        log.info({ dir, sandbox: record?.id }, "removed what a former run left");
      }),
  );
  return machines;
}

async function takeOver(parts: HostParts, dir: string, record: MachineRecord): Promise<RunningMachine | null> {
  const { engine, egress, machines, log } = parts;
  const vm = await engine.adopt(dir);
  if (!vm) return null;
  try {
    const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
    const machine = new RunningMachine(record, { vm, guest, dir }, egress, log);
    machines.add(machine);
    return machine;
  } catch (error) {
    log.warn({ sandbox: record.id, error: String(error) }, "could not take over a machine");
    await vm.kill();
    return null;
  }
}
