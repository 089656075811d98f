/** Disks on this computer: `disks/records/<id>.json` and `disks/layers/<name>.qcow2` in the data folder. */
import { join } from "node:path";
import { errnoOf, type Logger, syncPath } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";
import { DiskError, type DiskFacts, type DiskFinding, type Storage, type VolumeSpec } from "../contract.ts";
import { checkCapacity, checkId } from "./arguments.ts";
import { Catalogue } from "./catalogue.ts";
import { checkLayer } from "./check.ts";
import { diskFacts } from "./facts.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { Layers } from "./layers.ts";
import { removeLeftovers } from "./leftovers.ts";
import { readLayer } from "./qcow2.ts";
import { type DiskRecord, deviceBytes } from "./record.ts";
import { verifyDisks } from "./verify.ts";

export interface LocalStorageOptions {
  dir: string;
  /** Id of the image that `null` stands for. */
  defaultImage: string;
  /** Path of an image's disk; undefined if there is no such image. */
  findImageDisk(id: string): Promise<string | undefined>;
  jail: JailKind;
  log: Logger;
}

export class LocalStorage implements Storage {
  readonly #options: LocalStorageOptions;
  readonly #catalogue: Catalogue;
  readonly #layers: Layers;
  /** One operation on a disk at a time. */
  readonly #queue = new KeyedQueue();

  private constructor(options: LocalStorageOptions, catalogue: Catalogue, layers: Layers) {
    this.#options = options;
    this.#catalogue = catalogue;
    this.#layers = layers;
  }

  /** Opens the storage and removes what an earlier process left unfinished. */
  static async open(options: LocalStorageOptions): Promise<LocalStorage> {
    const catalogue = await Catalogue.open(join(options.dir, "records"));
    const layers = new Layers(join(options.dir, "layers"));
    await layers.open();
    await removeLeftovers(catalogue, layers, options.log);
    return new LocalStorage(options, catalogue, layers);
  }

  async createVolume({ id, capacityBytes, from }: VolumeSpec): Promise<DiskFacts> {
    checkId(id);
    checkCapacity(id, capacityBytes);
    using _ = this.#catalogue.reserve(id);
    return await this.#explained(id, async () => {
      using content = await this.#contentOf(id, capacityBytes, from);
      return await this.#withNewLayer(capacityBytes, from ? "empty" : "formatted", async (top) => {
        const { bootable } = content;
        const layers = [...content.layers, top];
        await this.#catalogue.put(id, { format: 1, kind: "volume", capacityBytes, bootable, layers, unclean: false });
        return await this.facts(id);
      });
    });
  }

  async snapshotVolume(volume: string, snapshot: string): Promise<DiskFacts> {
    checkId(snapshot);
    using _ = this.#catalogue.reserve(snapshot);
    return await this.#exclusively(volume, async () => {
      const record = await this.#repaired(volume);
      using _ = this.#layers.pin(record.layers);
      return await this.#withNewLayer(record.capacityBytes, "empty", async (top) => {
        // The volume first, so that nothing ever refers to a layer that can still be written.
        await this.#catalogue.put(volume, { ...record, layers: [...record.layers, top] });
        await this.#layers.freeze(record.layers.at(-1)!);
        await this.#catalogue.put(snapshot, { ...record, kind: "snapshot" });
        return await this.facts(snapshot);
      });
    });
  }

  async grow(volume: string, capacityBytes: number): Promise<DiskFacts> {
    checkCapacity(volume, capacityBytes);
    return await this.#exclusively(volume, async () => {
      const record = this.#volume(volume);
      if (capacityBytes < record.capacityBytes)
        throw new DiskError(
          "TOO_SMALL",
          `Volume ${volume} has ${record.capacityBytes} bytes already; a volume can grow, but not shrink.`,
        );
      // The layer grows when a machine opens it.
      if (capacityBytes > record.capacityBytes) await this.#catalogue.put(volume, { ...record, capacityBytes });
      return await this.facts(volume);
    });
  }

  async facts(id: string): Promise<DiskFacts> {
    const record = this.#catalogue.get(id);
    const isShared = (layer: string) => this.#catalogue.usesOf(layer) > 1;
    return await diskFacts(record, { layers: this.#layers, isShared, machine: null });
  }

  async remove(id: string): Promise<void> {
    await this.#exclusively(id, async () => {
      const record = this.#catalogue.find(id);
      // An unreadable record stays, and with it the layers that may be its own.
      if (!record) return void (this.#catalogue.unreadable.has(id) && this.#catalogue.get(id));
      await this.#catalogue.delete(id);
      await this.#collect(record.layers);
    });
  }

  async list(): Promise<string[]> {
    return this.#catalogue.ids;
  }

  verify(): AsyncIterable<DiskFinding> {
    return verifyDisks({
      catalogue: this.#catalogue,
      layers: this.#layers,
      jail: this.#options.jail,
      isHeld: () => false,
    });
  }

  #volume(id: string): DiskRecord {
    const record = this.#catalogue.get(id);
    if (record.kind !== "volume") throw new DiskError("WRONG_KIND", `${id} is a snapshot, which never changes.`);
    return record;
  }

  /** The record of a volume, repaired if a machine with it crashed. @throws {DiskError} `DAMAGED_DISK` */
  async #repaired(id: string): Promise<DiskRecord> {
    const record = this.#volume(id);
    if (!record.unclean) return record;
    const path = this.#layers.path(record.layers.at(-1)!);
    const { state, detail } = await checkLayer(path, this.#options.jail, true);
    if (state !== "clean") throw new DiskError("DAMAGED_DISK", `Volume ${id} cannot be used: ${detail}`);
    await syncPath(path);
    const repaired = { ...record, unclean: false };
    await this.#catalogue.put(id, repaired);
    return repaired;
  }

  /** What a new volume begins with. The layers are pinned until this is disposed. */
  async #contentOf(id: string, capacityBytes: number, from: VolumeSpec["from"]): Promise<Content> {
    if (!from) return { layers: [], bootable: false, [Symbol.dispose]() {} };
    if ("snapshot" in from) {
      const { kind, layers, bootable, capacityBytes: least } = this.#catalogue.get(from.snapshot);
      if (kind !== "snapshot")
        throw new DiskError(
          "WRONG_KIND",
          `${from.snapshot} is a volume. Make a snapshot of it, and a volume from that.`,
        );
      requireCapacity(id, capacityBytes, least, `snapshot ${from.snapshot}`);
      return Object.assign(this.#layers.pin(layers), { layers, bootable });
    }
    const image = from.image ?? this.#options.defaultImage;
    const disk = await this.#options.findImageDisk(image);
    if (!disk) throw new DiskError("UNKNOWN_DISK", `This host has no image ${image}. Build it there first.`);
    requireCapacity(id, capacityBytes, (await readLayer(disk)).bytes, `image ${image}`);
    const layer = await this.#layers.adopt(image, disk);
    return Object.assign(layer, { layers: [layer.name], bootable: true });
  }

  /** Removes those of the layers that no disk has. */
  async #collect(layers: readonly string[]): Promise<void> {
    // With a record that cannot be read, any layer may be needed.
    if (this.#catalogue.unreadable.size > 0) return;
    await this.#layers.collect(layers, (name) => this.#catalogue.usesOf(name) > 0);
  }

  /** Makes a layer for a record that the task writes. If that fails, the layer is removed. */
  async #withNewLayer<Result>(
    capacityBytes: number,
    content: "empty" | "formatted",
    task: (name: string) => Promise<Result>,
  ): Promise<Result> {
    const name = this.#layers.newName();
    try {
      using _ = this.#layers.pin([name]);
      const bytes = deviceBytes(capacityBytes);
      await (content === "empty" ? this.#layers.create(name, bytes) : this.#layers.createFormatted(name, bytes));
      return await task(name);
    } catch (error) {
      // A record may refer to it already. What cannot be removed now is removed at the next start.
      await this.#collect([name]).catch(() => {});
      throw error;
    }
  }

  async #exclusively<Result>(id: string, task: () => Promise<Result>): Promise<Result> {
    return await this.#queue.run(id, () => this.#explained(id, task));
  }

  /** Turns errors of the operating system into those of the contract. */
  async #explained<Result>(id: string, task: () => Promise<Result>): Promise<Result> {
    try {
      return await task();
    } catch (error) {
      if (error instanceof DiskError || !isNoSpace(error)) throw error;
      throw new DiskError(
        "NO_SPACE",
        `The host's disk is full, so ${id} could not be changed. Remove volumes or snapshots, or free space there.`,
        { cause: error },
      );
    }
  }
}

type Content = Disposable & { layers: string[]; bootable: boolean };

function requireCapacity(id: string, bytes: number, least: number, of: string): void {
  if (bytes >= least) return;
  throw new DiskError(
    "TOO_SMALL",
    `Volume ${id} cannot have ${bytes} bytes: the content of ${of} needs ${least} bytes. Ask for at least that much.`,
  );
}

function isNoSpace(error: unknown): boolean {
  const code = errnoOf(error);
  // The tools say it in words.
  return code === "ENOSPC" || code === "EDQUOT" || /No space left on device|Disk quota exceeded/.test(String(error));
}
