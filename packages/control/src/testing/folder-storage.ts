import { readdirSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { SerialQueue } from "@sandkeep/common";
import {
  DiskError,
  type DiskFacts,
  type DiskFile,
  type DiskFinding,
  type ImportSpec,
  type Storage,
  type VolumeSpec,
} from "@sandkeep/host";

/** A step of the storage, as tests see it. */
export type StorageStep = "createVolume" | "snapshotVolume" | "grow" | "exportSnapshot" | "importVolume" | "remove";

interface Disk {
  kind: "volume" | "snapshot";
  capacityBytes: number;
  bootable: boolean;
}

/** Size of a machine's root, bytes. */
const ROOT_BYTES = 10e9;
/** What an image needs at least, bytes. */
const IMAGE_BYTES = 2e9;

/**
 * FOR TESTS ONLY: disks that are small files with nothing but what is known about them. A second storage on the same
 * folder finds what the first left.
 */
export class FolderStorage implements Storage {
  readonly #dir: string;
  /** One change at a time, as for each disk of a host. */
  readonly #queue = new SerialQueue();
  /** Which machine has which disk. */
  readonly holders = new Map<string, string>();
  /** Awaited before each step; throws to make it fail. */
  gate: (step: StorageStep, id: string) => Promise<void> = async () => {};
  /** What every disk contains, for exports; what was imported last. */
  content: Buffer = Buffer.from("the content of a disk");

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Ids of all disks, at once. */
  get ids(): string[] {
    try {
      return readdirSync(this.#dir).sort();
    } catch {
      return [];
    }
  }

  async createVolume({ id, capacityBytes, from }: VolumeSpec): Promise<DiskFacts> {
    await this.gate("createVolume", id);
    return await this.#queue.run(async () => {
      const source = from && "snapshot" in from ? await this.#read(from.snapshot) : null;
      const least = from && "image" in from ? IMAGE_BYTES : (source?.capacityBytes ?? 0);
      if (capacityBytes < least)
        throw new DiskError("TOO_SMALL", `The disk ${id} needs at least ${least} bytes for its content.`);
      const bootable = from !== undefined && (source?.bootable ?? true);
      await this.#write(id, { kind: "volume", capacityBytes, bootable });
      return await this.facts(id);
    });
  }

  async snapshotVolume(volume: string, snapshot: string): Promise<DiskFacts> {
    await this.gate("snapshotVolume", snapshot);
    return await this.#queue.run(async () => {
      await this.#write(snapshot, { ...(await this.#read(volume)), kind: "snapshot" });
      return await this.facts(snapshot);
    });
  }

  async grow(volume: string, capacityBytes: number): Promise<DiskFacts> {
    await this.gate("grow", volume);
    return await this.#queue.run(async () => {
      await this.#write(volume, { ...(await this.#read(volume)), capacityBytes });
      return await this.facts(volume);
    });
  }

  async facts(id: string): Promise<DiskFacts> {
    const { capacityBytes, bootable } = await this.#read(id);
    return {
      capacityBytes,
      bootable,
      allocatedBytes: 4_096,
      flattenedBytes: 8_192,
      machine: this.holders.get(id) ?? null,
    };
  }

  async exportSnapshot(id: string): Promise<DiskFile> {
    await this.gate("exportSnapshot", id);
    await this.#read(id);
    return { bytes: this.content.length, data: Readable.from([this.content], { objectMode: false }) };
  }

  async importVolume({ id, capacityBytes, bootable }: ImportSpec, { bytes, data }: DiskFile): Promise<DiskFacts> {
    await this.gate("importVolume", id);
    // As a host writes it while it arrives.
    await this.#write(id, { kind: "volume", capacityBytes, bootable });
    const content = await buffer(data);
    if (content.length !== bytes) throw new Error(`It has ${content.length} bytes instead of ${bytes}.`);
    this.content = content;
    return await this.facts(id);
  }

  async remove(id: string): Promise<void> {
    await this.gate("remove", id);
    await this.#queue.run(async () => {
      const holder = this.holders.get(id);
      if (holder !== undefined) throw new DiskError("DISK_IN_USE", `The machine ${holder} has the disk ${id}.`);
      await rm(join(this.#dir, id), { force: true });
    });
  }

  /** Gives a volume to a machine. */
  attach(volume: string, machine: string): void {
    const holder = this.holders.get(volume);
    if (holder !== undefined) throw new DiskError("DISK_IN_USE", `The machine ${holder} has the disk ${volume}.`);
    if (!this.ids.includes(volume)) throw new DiskError("UNKNOWN_DISK", `There is no disk ${volume}.`);
    this.holders.set(volume, machine);
  }

  /** Takes its volumes, or one of them, from a machine. */
  release(machine: string, volume?: string): void {
    for (const [id, holder] of this.holders)
      if (holder === machine && (volume === undefined || volume === id)) this.holders.delete(id);
  }

  /** As a machine's `snapshotRoot`. */
  async snapshotRoot(snapshot: string): Promise<DiskFacts> {
    await this.gate("snapshotVolume", snapshot);
    await this.#write(snapshot, { kind: "snapshot", capacityBytes: ROOT_BYTES, bootable: true });
    return await this.facts(snapshot);
  }

  async list(): Promise<string[]> {
    return await readdir(this.#dir).catch(() => []);
  }

  async *verify(): AsyncGenerator<DiskFinding> {
    for (const disk of await this.list()) yield { disk, state: "fine", detail: "" };
  }

  async #read(id: string): Promise<Disk> {
    const text = await readFile(join(this.#dir, id), "utf8").catch(() => {
      throw new DiskError("UNKNOWN_DISK", `There is no disk ${id}.`);
    });
    return JSON.parse(text) as Disk;
  }

  async #write(id: string, disk: Disk): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await writeFile(join(this.#dir, id), JSON.stringify(disk));
  }
}
