/** FOR TESTS ONLY: disks that are nothing but records, for hosts whose machines cannot have disks. */
import { Readable } from "node:stream";
import { json } from "node:stream/consumers";
import {
  DiskError,
  type DiskFacts,
  type DiskFile,
  type DiskFinding,
  type ImportSpec,
  type Storage,
  type VolumeSpec,
} from "../contract.ts";
import { checkCapacity, checkId } from "../storage/arguments.ts";

/** What an empty volume and a layer use, in bytes. */
const EMPTY_BYTES = 1024 ** 2;

type Kind = "volume" | "snapshot";

export class MemoryStorage implements Storage {
  readonly disks = new Map<string, { kind: Kind; capacityBytes: number; bootable: boolean; machine: string | null }>();
  /** Images that volumes can be made from, first the default; their content needs this many bytes. */
  readonly images: Map<string, number>;

  constructor(images: Iterable<[string, number]> = []) {
    this.images = new Map(images);
  }

  async createVolume({ id, capacityBytes, from }: VolumeSpec): Promise<DiskFacts> {
    checkId(id);
    checkCapacity(id, capacityBytes);
    this.#requireFree(id);
    const source = from && ("snapshot" in from ? this.#get(from.snapshot, "snapshot") : this.#image(from.image));
    if (source && capacityBytes < source.capacityBytes) throw new DiskError("TOO_SMALL", `Volume ${id} is too small.`);
    this.disks.set(id, { kind: "volume", capacityBytes, bootable: source?.bootable ?? false, machine: null });
    return await this.facts(id);
  }

  async snapshotVolume(volume: string, snapshot: string): Promise<DiskFacts> {
    checkId(snapshot);
    this.#requireFree(snapshot);
    this.disks.set(snapshot, { ...this.#get(volume, "volume"), kind: "snapshot", machine: null });
    return await this.facts(snapshot);
  }

  async grow(volume: string, capacityBytes: number): Promise<DiskFacts> {
    checkCapacity(volume, capacityBytes);
    const disk = this.#get(volume, "volume");
    if (capacityBytes < disk.capacityBytes) throw new DiskError("TOO_SMALL", `Volume ${volume} cannot shrink.`);
    disk.capacityBytes = capacityBytes;
    return await this.facts(volume);
  }

  async facts(id: string): Promise<DiskFacts> {
    const { capacityBytes, bootable, machine } = this.#get(id);
    return { capacityBytes, allocatedBytes: EMPTY_BYTES, flattenedBytes: EMPTY_BYTES, bootable, machine };
  }

  async exportSnapshot(id: string): Promise<DiskFile> {
    const { capacityBytes } = this.#get(id, "snapshot");
    const content = Buffer.from(JSON.stringify({ capacityBytes }));
    return { bytes: content.length, data: Readable.from([content], { objectMode: false }) };
  }

  async importVolume({ id, capacityBytes, bootable }: ImportSpec, { data }: DiskFile): Promise<DiskFacts> {
    checkId(id);
    checkCapacity(id, capacityBytes);
    const content = (await json(data).catch((error: unknown) => {
      throw error instanceof SyntaxError ? new DiskError("INVALID_FILE", `The file for ${id} is not a disk.`) : error;
    })) as { capacityBytes?: unknown };
    if (content.capacityBytes !== capacityBytes)
      throw new DiskError("INVALID_FILE", `The file for ${id} is of another capacity.`);
    this.#requireFree(id);
    this.disks.set(id, { kind: "volume", capacityBytes, bootable, machine: null });
    return await this.facts(id);
  }

  async remove(id: string): Promise<void> {
    const machine = this.disks.get(id)?.machine;
    if (machine) throw new DiskError("DISK_IN_USE", `Machine ${machine} has volume ${id}.`);
    this.disks.delete(id);
  }

  async list(): Promise<string[]> {
    return [...this.disks.keys()];
  }

  async *verify(): AsyncIterable<DiskFinding> {
    for (const disk of this.disks.keys()) yield { disk, state: "fine", detail: "1 layer" };
  }

  #requireFree(id: string): void {
    if (this.disks.has(id)) throw new DiskError("DISK_EXISTS", `This host has a disk ${id} already.`);
  }

  #image(named: string | null): { capacityBytes: number; bootable: boolean } {
    const id = named ?? [...this.images.keys()][0] ?? "";
    const capacityBytes = this.images.get(id);
    if (capacityBytes === undefined) throw new DiskError("UNKNOWN_DISK", `This host has no image ${id}.`);
    return { capacityBytes, bootable: true };
  }

  #get(id: string, kind?: Kind) {
    const disk = this.disks.get(id);
    if (!disk) throw new DiskError("UNKNOWN_DISK", `This host has no disk ${id}.`);
    if (kind && disk.kind !== kind) throw new DiskError("WRONG_KIND", `${id} is a ${disk.kind}.`);
    return disk;
  }
}
