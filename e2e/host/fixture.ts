import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import { createHost, ensureImage, type Host, type Machine, type MachineSpec } from "@sandkeep/host";
import { OWNER, shell, specOf } from "@sandkeep/host/testing";
import { imagesDir } from "../harness/server.ts";

/** Memory for the warm pool. */
const AHEAD_MIB = 250;
/** The usual image under another id: the same bytes count as another root. */
export const OTHER_IMAGE = "other-image";

/** A host with its own data folder, and the templates of the whole run. */
export class HostFixture implements AsyncDisposable {
  readonly dataDir: string;
  readonly otherImage = OTHER_IMAGE;
  /** Undoes what was done to the data folder. */
  unmount: (() => void) | undefined;
  host: Host;

  private constructor(dataDir: string, host: Host) {
    this.dataDir = dataDir;
    this.host = host;
  }

  static async open(): Promise<HostFixture> {
    return (await HostFixture.openOn(() => true))!;
  }

  /** @param prepare makes the data folder as it is to be; null if it cannot */
  static async openOn(prepare: (dataDir: string) => boolean): Promise<HostFixture | null> {
    const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
    if (!prepare(dataDir)) {
      await rm(dataDir, { recursive: true });
      return null;
    }
    const host = await openHost(dataDir);
    await host.adopt(OWNER, []);
    await host.ready();
    return new HostFixture(dataDir, host);
  }

  create(spec: Partial<MachineSpec> = {}): Promise<Machine> {
    return this.host.create(specOf(spec));
  }

  /** Folders of machines, including those in the warm pool. */
  async folders(): Promise<string[]> {
    return (await readdir(join(this.dataDir, "run"), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && entry.name !== "ports")
      .map((entry) => entry.name);
  }

  /** Kills the machine's process. */
  async kill({ id }: Machine): Promise<void> {
    for (const folder of await this.folders()) {
      const read = (name: string) => readFile(join(this.dataDir, "run", folder, name), "utf8").catch(() => "{}");
      if (JSON.parse(await read("machine.json")).id === id)
        process.kill(JSON.parse(await read("process.json")).pid, "SIGKILL");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host.close();
    this.unmount?.();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** @param aheadMemoryMiB memory for the warm pool; 0: none */
export async function openHost(dataDir: string, aheadMemoryMiB = AHEAD_MIB): Promise<Host> {
  const image = await ensureImage({ dataDir: imagesDir() });
  return createHost({
    dataDir,
    templatesDir: join(imagesDir(), "templates"),
    image,
    findImage: async (id) => (id === OTHER_IMAGE ? { ...image, id } : undefined),
    log: silentLogger,
    aheadMemoryMiB,
  });
}

/** How far a machine has counted in `/dev/shm/count`, as soon as that is further than before. */
export async function countBeyond(machine: Machine, before: number): Promise<number> {
  const script = `until n=$(cat /dev/shm/count 2> /dev/null) && [ "$n" -gt ${before} ]; do sleep 0.02; done; echo $n`;
  return Number(await shell(machine, script));
}

/** Processes on this computer whose command line contains a path, by pid. */
export async function processesNaming(path: string): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (Number(pid) !== process.pid && words.some((word) => word.includes(path))) found.set(Number(pid), words);
  }
  return found;
}

/** How long a process may take to exit after the one that it watched: usually less than a millisecond. */
const LEAVING_MS = 10_000;

/**
 * The processes that still name a path when there was time to exit: bubblewrap's own ends a moment after the machine, and nobody waits for that of
 * a machine that an earlier host started.
 */
export async function processesLeft(path: string): Promise<string[][]> {
  const deadline = performance.now() + LEAVING_MS;
  for (;;) {
    const left = await processesNaming(path);
    if (left.size === 0 || performance.now() > deadline) return [...left.values()];
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
