import type { Machine } from "@sandkeep/host";
import { shell } from "@sandkeep/host/testing";
import { type BenchContext, repeat, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded, summarize } from "../statistics.ts";
import { startStorageHost } from "./host.ts";
import { untilFull, untilWaiting } from "./waiting.ts";

const GB = 1e9;
/** How long the warm pool may take to get its clones back. */
const REFILL_TIMEOUT_MS = 60_000;

/** Volumes of different sizes, from nothing until they are on disk. */
export async function measureVolumes(context: BenchContext): Promise<Partial<Figures>> {
  await using storage = await startStorageHost(context.hostFiles());
  const { host } = storage;
  const sizes = [0.3, 2, 10, 20];
  let made = 0;
  const created = await repeat(context, context.times(20), () =>
    timed(() => host.storage.createVolume({ id: `v${made}`, capacityBytes: sizes[made++ % sizes.length]! * GB })),
  );
  let taken = 0;
  const snapshots = await repeat(context, context.times(20), () =>
    timed(() => host.storage.snapshotVolume(`v${taken % made}`, `s${taken++}`)),
  );
  return { storage_create: summarize(created), storage_snapshot: summarize(snapshots) };
}

/** What a volume adds to creating a machine: in turn without one and with one. */
export async function measureAttach(context: BenchContext): Promise<Partial<Figures>> {
  await using storage = await startStorageHost(context.hostFiles());
  await storage.host.storage.createVolume({ id: "data", capacityBytes: 2 * GB });
  const full = await untilFull(storage.host);
  const timedCreate = async (volumes: string[]): Promise<number> => {
    await untilWaiting(storage.host, full, REFILL_TIMEOUT_MS);
    let machine!: Machine;
    const taken = await timed(async () => (machine = await storage.create(volumes)));
    await machine.destroy();
    return taken;
  };
  const plain: number[] = [];
  const withVolume = await repeat(context, context.times(10), async () => {
    plain.push(await timedCreate([]));
    return await timedCreate(["data"]);
  });
  const added = (part: number) => rounded(percentile(withVolume, part) - percentile(plain, part));
  return { storage_attach_added: { p50: added(0.5), p95: added(0.95), n: withVolume.length } };
}

/** How long programs in a machine cannot write while a snapshot is taken, with 50 MB that are not on disk yet. */
export async function measureLiveSnapshot(context: BenchContext): Promise<Partial<Figures>> {
  await using storage = await startStorageHost(context.hostFiles());
  const { host } = storage;
  await host.storage.createVolume({ id: "data", capacityBytes: 2 * GB });
  const machine = await storage.create(["data"]);
  let n = 0;
  const pauses = await repeat(context, context.times(10), async () => {
    await shell(machine, "dd if=/dev/urandom of=/mnt/data/blob bs=1M count=50 status=none");
    return await longestWrite(machine, () => host.storage.snapshotVolume("data", `snap${n++}`));
  });
  await machine.destroy();
  return { storage_snapshot_pause: summarize(pauses) };
}

/** Runs something while a program writes to the volume without a pause. Resolves to its longest write, in milliseconds. */
async function longestWrite(machine: Machine, task: () => Promise<unknown>): Promise<number> {
  const program = `
import os, time
f = os.open('/mnt/data/log', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
open('/dev/shm/started', 'w').close()
longest, last = 0, time.monotonic()
while not os.path.exists('/dev/shm/stop'):
    os.pwrite(f, b'x', 0)
    now = time.monotonic()
    longest, last = max(longest, now - last), now
print(longest * 1000)`;
  const writing = shell(machine, `rm -f /dev/shm/stop /dev/shm/started; python3 -c "${program}"`);
  await shell(machine, "until [ -e /dev/shm/started ]; do sleep 0.01; done");
  await task();
  await shell(machine, "touch /dev/shm/stop");
  return Number(await writing);
}

/** SQLite transactions and sequential writes on a volume, in turn with the machine's own disk. */
export async function measureVolumeSpeed(context: BenchContext): Promise<Partial<Figures>> {
  await using storage = await startStorageHost(context.hostFiles());
  await storage.host.storage.createVolume({ id: "data", capacityBytes: 2 * GB });
  const machine = await storage.create(["data"]);
  const inserts = async (dir: string) =>
    Number(await shell(machine, `cd ${dir} && rm -f db* && python3 -c "${INSERTS}"`));
  const write = async () => {
    const file = "/mnt/data/large";
    const seconds = Number(
      await shell(
        machine,
        `rm -f ${file}; s=$(date +%s%N); dd if=/dev/zero of=${file} bs=1M count=100 conv=fsync status=none; echo $((($(date +%s%N) - s) / 1000))`,
      ),
    );
    return (100 * 1024 ** 2) / seconds;
  };
  const ratios: number[] = [];
  const rates = await repeat(context, context.times(5), async () => {
    const own = await inserts("/home/app");
    ratios.push((await inserts("/mnt/data")) / own);
    return await write();
  });
  await machine.destroy();
  return {
    storage_sqlite_ratio: rounded(percentile(ratios, 0.5)),
    storage_write_MBps: rounded(percentile(rates, 0.5)),
  };
}

/** Prints how many transactions of one insert each are committed in a second. */
const INSERTS = `
import sqlite3, time
db = sqlite3.connect('db', isolation_level=None)
db.execute('create table t (x)')
started, n = time.monotonic(), 0
while time.monotonic() - started < 3:
    db.execute('insert into t values (1)')
    n += 1
print(n / (time.monotonic() - started))`;
