import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger } from "@sandkeep/common";
import { createHost, type Host, type HostOptions, type Machine } from "@sandkeep/host";
import { OWNER, specOf } from "@sandkeep/host/testing";

/** On a disk: in memory, nothing has to be flushed. */
const PARENT = "/var/tmp";
/** For a few clones in the warm pool. */
const AHEAD_MIB = 400;

export interface HostFiles {
  image: HostOptions["image"];
  templatesDir: string;
}

/** A host in the bench's own process: what it does with disks, without server and SDK. */
export interface StorageHost extends AsyncDisposable {
  readonly host: Host;
  /** Creates a machine from the warm pool, with these volumes. */
  create(volumes?: string[]): Promise<Machine>;
}

export async function startStorageHost({ image, templatesDir }: HostFiles): Promise<StorageHost> {
  const dataDir = await mkdtemp(join(PARENT, "sandkeep-bench-host-"));
  const host = await createHost({ dataDir, templatesDir, image, log: silentLogger, aheadMemoryMiB: AHEAD_MIB });
  await host.adopt(OWNER, []);
  return {
    host,
    async create(volumes = []) {
      const disks = volumes.map((volume, n) => ({ id: `d${n}`, volume, readOnly: false, mount: `/mnt/${volume}` }));
      return await host.create(specOf({ disks }));
    },
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
