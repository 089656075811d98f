/** Handles what an earlier process left: takes over machines that should be kept, and removes everything else. */
import { isDeepStrictEqual } from "node:util";
import { settled } from "@sandkeep/common";
import { connectGuest, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { listFolders, type MachineRecord, readRecord, removeFolder, writeRecord } from "../machines/folder.ts";
import { wakeAfterCrash } from "../machines/freeze.ts";
import { RunningMachine } from "../machines/machine.ts";
import { MachineDisks } from "../machines/machine-disks.ts";
import { Meter, startMeter } from "../machines/meter.ts";
import type { PausedMachines } from "../machines/paused.ts";
import type { HostParts } from "./parts.ts";

interface Found {
  dir: string;
  record: MachineRecord | null;
}

export interface AdoptionRequest {
  /** New owner of the machines. */
  owner: string;
  /** Previous owner of the machines. */
  from: string;
  /** Machines to take over. */
  ids: string[];
}

/**
 * Removes what nobody owns: machines of an earlier process's warm pool, unfinished starts, and machines that are still
 * paused, because their resumption did not get to its end. Call it before this process starts any machine. Volumes of
 * the others are theirs until they are taken over or removed.
 */
export async function removeUnowned({
  engine,
  runDir,
  storage,
  paused,
  log,
}: Pick<HostParts, "engine" | "runDir" | "storage" | "log"> & {
  paused: Pick<PausedMachines, "has">;
}): Promise<void> {
  const found = await findFolders(runDir);
  const isOwned = async ({ record }: Found) => record !== null && !(await paused.has(record.id));
  const owners = await Promise.all(found.map(isOwned));
  const owned = found.filter((_, n) => owners[n]);
  const dirs = new Set(owned.map(({ dir }) => dir));
  await engine.sweep(runDir, (dir) => !dirs.has(dir));
  for (const { record } of owned)
    for (const { volume, readOnly } of record!.disks) storage.reserve(volume, { machine: record!.id, readOnly });
  await remove(
    found.filter(({ dir }) => !dirs.has(dir)),
    { storage, log },
  );
}

/** Takes over some machines of one owner, and removes that owner's other machines. */
export async function adoptMachines(parts: HostParts, request: AdoptionRequest): Promise<RunningMachine[]> {
  const handedOver = await handOver(parts, request);
  return [...handedOver, ...(await recover(parts, request))];
}

/** Machines that this process runs. Those that an earlier request handed over already, before it failed, are returned again. */
async function handOver({ machines }: HostParts, { owner, from, ids }: AdoptionRequest): Promise<RunningMachine[]> {
  const kept = machines.all.filter(
    (machine) => machine.keep && ids.includes(machine.id) && [from, owner].includes(machine.owner),
  );
  await settled(
    machines.all
      .filter((machine) => machine.owner === from)
      .map((machine) => (kept.includes(machine) ? machine.setOwner(owner) : machine.destroy())),
  );
  return kept;
}

/** Machines that an earlier process left. */
async function recover(parts: HostParts, { owner, from, ids }: AdoptionRequest): Promise<RunningMachine[]> {
  const { engine, runDir, machines } = parts;
  // An earlier version recorded no owner, because there was only one.
  const owned = (await findFolders(runDir)).filter(({ record }) => record && (record.owner ?? from) === from);
  const ours = new Set(machines.all.map(({ clone }) => clone.dir));
  const left = owned.filter(({ dir }) => !ours.has(dir));
  const kept = left.filter(({ record }) => record!.keep && ids.includes(record!.id));
  // When one fails, the others are not under way any more: whoever tries again would end what is.
  const tried = await settled(kept.map(({ dir, record }) => takeOver(parts, dir, record!, owner)));
  const taken = tried.filter((machine) => machine !== null);
  // Last: what could not be taken over has no owner, and must not keep running without a folder.
  const dirs = new Set(taken.map(({ clone }) => clone.dir));
  const rest = left.filter(({ dir }) => !dirs.has(dir));
  const doomed = new Set(rest.map(({ dir }) => dir));
  await engine.sweep(runDir, (dir) => doomed.has(dir));
  await remove(rest, parts);
  return taken;
}

async function findFolders(runDir: string): Promise<Found[]> {
  return await Promise.all((await listFolders(runDir)).map(async (dir) => ({ dir, record: await readRecord(dir) })));
}

async function remove(folders: Found[], { storage, log }: Pick<HostParts, "storage" | "log">): Promise<void> {
  await Promise.all(
    folders.map(async ({ dir, record }) => {
      const sandbox = record?.id;
      // What stays is tried again at the next start. Its process has ended, so its volumes are free.
      await removeFolder(dir).then(
        () => log.info({ dir, sandbox }, "removed what an earlier run left behind"),
        (error: unknown) =>
          log.error({ dir, sandbox, error: String(error) }, "could not remove what an earlier run left"),
      );
      for (const { volume } of record?.disks ?? []) await storage.release(volume, record!.id, false);
    }),
  );
}

async function takeOver(
  parts: HostParts,
  dir: string,
  left: MachineRecord,
  owner: string,
): Promise<RunningMachine | null> {
  const { engine, egress, machines, storage, log } = parts;
  const vm = await engine.adopt(dir);
  if (!vm) return null;
  try {
    // It may have been in the middle of a fork, a pause or a snapshot.
    await vm.resume();
    const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
    await wakeAfterCrash(guest, left.disks);
    const start = left.meter ?? startMeter(vm);
    const disks = new MachineDisks({ machine: left.id, clone: { vm, guest, dir }, storage, disks: left.disks });
    await disks.takeOver();
    const record = { ...left, owner, disks: disks.all, meter: start };
    // A full disk ends no machine. The former record of the same owner is as good: what changed it is done again.
    if (!isDeepStrictEqual(record, left))
      await writeRecord(dir, record).catch((error: unknown) => {
        if (left.owner !== owner) throw error;
        log.warn({ sandbox: left.id, error: String(error) }, "the record of a machine could not be written");
      });
    const meter = await Meter.resume(vm, dir, left.memoryMiB, start);
    const machine = new RunningMachine({
      record,
      clone: { vm, guest, dir, from: left.from },
      meter,
      disks,
      storage,
      egress,
      log,
    });
    machines.add(machine);
    return machine;
  } catch (error) {
    log.warn({ sandbox: left.id, error: String(error) }, "could not take over a machine");
    await vm.kill();
    return null;
  }
}
