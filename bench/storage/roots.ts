import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import { createHost, type Host, type Machine, type RootSpec } from "@sandkeep/host";
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { type BenchContext, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded, summarize } from "../statistics.ts";
import { untilFull, untilWaiting } from "./waiting.ts";

const CAPACITY_BYTES = 10 * 1024 ** 3;
const TIMES = 10;
const CROWD = 20;
/** Memory of the pools, in MiB: enough for the crowd. */
const AHEAD_MIB = 1_600;
const TEMPLATE_TIMEOUT_MS = 180_000;
const REFILL_TIMEOUT_MS = 60_000;

/** Machines whose roots are volumes and snapshots, made by a host in this process: no server, SDK or store takes part. */
export async function measureRoots(context: BenchContext): Promise<Partial<Figures>> {
  const { image, templatesDir } = context.hostFiles();
  const dataDir = await mkdtemp(join(tmpdir(), "sk-bench-"));
  const host = await createHost({ dataDir, templatesDir, image, log: silentLogger, aheadMemoryMiB: AHEAD_MIB });
  try {
    await host.adopt(OWNER, []);
    await host.ready();
    return await measure(context, host, image.id);
  } finally {
    await host.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function measure(context: BenchContext, host: Host, image: string): Promise<Partial<Figures>> {
  const create = (root: RootSpec): Promise<Machine> => host.create(specOf({ root }));
  const one = async (root: RootSpec): Promise<number> => {
    let machine!: Machine;
    const ms = await timed(async () => (machine = await create(root)));
    await machine.destroy();
    return ms;
  };
  const times = context.times(TIMES);
  await host.storage.createVolume({ id: "volume", capacityBytes: CAPACITY_BYTES, from: { image } });
  const volume: number[] = [];
  for (let n = 0; n < times; n++) volume.push(await one({ volume: "volume" }));

  // A snapshot has no template until the first machine was made from it.
  const first: number[] = [];
  for (let n = 0; n < times; n++) {
    await host.storage.snapshotVolume("volume", `first-${n}`);
    first.push(await one({ snapshot: `first-${n}` }));
    await host.storage.remove(`first-${n}`);
  }

  await host.storage.snapshotVolume("volume", "snapshot");
  const { waiting } = await host.info();
  await one({ snapshot: "snapshot" });
  await untilWaiting(host, { clones: waiting.clones + 2, hot: waiting.hot + 1 }, TEMPLATE_TIMEOUT_MS);
  // Nor is the image's pool being filled meanwhile.
  const full = await untilFull(host);
  const [fromSnapshot, fromImage]: [number[], number[]] = [[], []];
  for (let n = 0; n < times; n++) {
    fromSnapshot.push(await one({ snapshot: "snapshot" }));
    await untilWaiting(host, full, REFILL_TIMEOUT_MS);
    fromImage.push(await one({ image }));
    await untilWaiting(host, full, REFILL_TIMEOUT_MS);
  }
  const ratio = percentile(fromSnapshot, 0.5) / percentile(fromImage, 0.5);

  const crowd = await Promise.all(Array.from({ length: CROWD }, () => create({ snapshot: "snapshot" })));
  await Promise.all(crowd.map((machine) => shell(machine, "echo hello")));
  const used = await Promise.all(crowd.map((machine) => machine.usage()));
  await Promise.all(crowd.map((machine) => machine.destroy()));
  const bytes = used.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return {
    storage_root_volume: summarize(volume),
    storage_root_snapshot_first: summarize(first),
    storage_root_snapshot: { ...summarize(fromSnapshot), ratio: rounded(ratio) },
    storage_root_20: { ok: used.length, memory_MB_each: rounded(bytes / used.length / 1e6) },
  };
}
