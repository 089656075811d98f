/** What a former process left: machines that are to be kept are taken over, everything else is removed. */
import { connectGuest, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { listFolders, type MachineRecord, readRecord, removeFolder, writeRecord } from "../machines/folder.ts";
import { RunningMachine } from "../machines/machine.ts";
import { Meter, startMeter } from "../machines/meter.ts";
import type { HostParts } from "./parts.ts";

interface Found {
  dir: string;
  record: MachineRecord | null;
}

export interface AdoptionRequest {
  /** Whose machines they are from now on. */
  owner: string;
  /** Whose machines they were. */
  from: string;
  /** Those to be taken over. */
  ids: string[];
}

/**
 * Removes what is nobody's: machines of a former process's warm pool, and what it had begun to start. To be called before this
 * process starts any.
 */
export async function removeUnowned({ engine, runDir, log }: Pick<HostParts, "engine" | "runDir" | "log">) {
  const found = await findFolders(runDir);
  const owned = new Set(found.filter(({ record }) => record !== null).map(({ dir }) => dir));
  await engine.sweep(runDir, (dir) => !owned.has(dir));
  await remove(
    found.filter(({ dir }) => !owned.has(dir)),
    log,
  );
}

/** Takes over machines of one owner, and removes all others of that owner. */
export async function adoptMachines(parts: HostParts, request: AdoptionRequest): Promise<RunningMachine[]> {
  const handedOver = await handOver(parts, request);
  return [...handedOver, ...(await recover(parts, request))];
}

/** Of the machines that this process has. */
async function handOver({ machines }: HostParts, { owner, from, ids }: AdoptionRequest): Promise<RunningMachine[]> {
  const theirs = machines.all.filter((machine) => machine.owner === from);
  const kept = theirs.filter(({ id, keep }) => keep && ids.includes(id));
  await Promise.all([
    ...kept.map((machine) => machine.setOwner(owner)),
    ...theirs.filter((machine) => !kept.includes(machine)).map((machine) => machine.destroy()),
  ]);
  return kept;
}

/** Of those that a former process left. */
async function recover(parts: HostParts, { owner, from, ids }: AdoptionRequest): Promise<RunningMachine[]> {
  const { engine, runDir, machines, log } = parts;
  // A former version noted no owner: there was one.
  const owned = (await findFolders(runDir)).filter(({ record }) => record && (record.owner ?? from) === from);
  const ours = new Set(machines.all.map(({ clone }) => clone.dir));
  const left = owned.filter(({ dir }) => !ours.has(dir));
  const kept = left.filter(({ record }) => record!.keep && ids.includes(record!.id));
  const taken = (await Promise.all(kept.map(({ dir, record }) => takeOver(parts, dir, { ...record!, owner })))).filter(
    (machine) => machine !== null,
  );
  // Afterwards: what could not be taken over is nobody's, and must not run on without a folder.
  const dirs = new Set(taken.map(({ clone }) => clone.dir));
  const rest = left.filter(({ dir }) => !dirs.has(dir));
  const doomed = new Set(rest.map(({ dir }) => dir));
  await engine.sweep(runDir, (dir) => doomed.has(dir));
  await remove(rest, log);
  return taken;
}

async function findFolders(runDir: string): Promise<Found[]> {
  return await Promise.all((await listFolders(runDir)).map(async (dir) => ({ dir, record: await readRecord(dir) })));
}

async function remove(folders: Found[], log: HostParts["log"]): Promise<void> {
  await Promise.all(
    folders.map(async ({ dir, record }) => {
      await removeFolder(dir);
      log.info({ dir, sandbox: record?.id }, "removed what a former run left");
    }),
  );
}

async function takeOver(
  parts: HostParts,
  dir: string,
  record: MachineRecord & { owner: string },
): Promise<RunningMachine | null> {
  const { engine, egress, machines, log } = parts;
  const vm = await engine.adopt(dir);
  if (!vm) return null;
  try {
    const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
    const start = record.meter ?? startMeter(vm);
    await writeRecord(dir, { ...record, meter: start });
    const meter = await Meter.resume(vm, dir, record.memoryMiB, start);
    const machine = new RunningMachine({
      record: { ...record, meter: start },
      clone: { vm, guest, dir },
      meter,
      egress,
      log,
    });
    machines.add(machine);
    return machine;
  } catch (error) {
    log.warn({ sandbox: record.id, error: String(error) }, "could not take over a machine");
    await vm.kill();
    return null;
  }
}
