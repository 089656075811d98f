/** Disks on this computer: `disks/records/<id>.json` and `disks/layers/<name>.qcow2` in the data folder. */
import { join } from "node:path";
import { KeyedQueue, settled, syncPath } from "@sandkeep/common";
import {
  DiskError,
  type DiskFacts,
  type DiskFile,
  type DiskFinding,
  type ImportSpec,
  type Storage,
  type VolumeSpec,
} from "../contract.ts";
import type { RootDisk } from "../engine/engine.ts";
import { checkCapacity, checkDepth, checkFits, checkId } from "./arguments.ts";
import { Catalogue } from "./catalogue.ts";
import { explained, unusable } from "./explained.ts";
import { diskFacts } from "./facts.ts";
import { Holders, type LiveVolume } from "./holders.ts";
import { Layers } from "./layers.ts";
import type { AttachOptions, DiskFiles, LayersToKeep, LocalStorageOptions } from "./options.ts";
import type { StorageParts } from "./parts.ts";
import { readLayer } from "./qcow2.ts";
import { type DiskRecord, deviceBytes, requireBootable } from "./record.ts";
import { Transfer } from "./transfer.ts";
import { removeLeftovers } from "./upkeep/leftovers.ts";
import { Merging } from "./upkeep/merging.ts";
import { repairVolume } from "./upkeep/repair.ts";
import { verifyDisks } from "./upkeep/verify.ts";
import { contentOf } from "./volume-content.ts";

export class LocalStorage implements Storage, AsyncDisposable {
  readonly #options: LocalStorageOptions;
  readonly #catalogue: Catalogue;
  readonly #layers: Layers;
  readonly #transfer: Transfer;
  readonly #holders = new Holders();
  /** One operation on a disk at a time. A machine's own work on the disk comes within. */
  readonly #queue = new KeyedQueue();
  readonly #merging: Merging;

  private constructor(options: LocalStorageOptions, catalogue: Catalogue, layers: Layers) {
    this.#options = options;
    this.#catalogue = catalogue;
    this.#layers = layers;
    this.#merging = new Merging({ ...this.#parts, log: options.log });
    this.#transfer = new Transfer(catalogue, layers, options.jail);
  }

  /** Opens the storage and removes what an earlier process left unfinished. */
  static async open(options: LocalStorageOptions): Promise<LocalStorage> {
    const catalogue = await Catalogue.open(join(options.dir, "records"));
    const layers = new Layers(join(options.dir, "layers"), (name) => catalogue.mayRefer(name));
    await layers.open();
    await removeLeftovers(catalogue, layers, options.log);
    return new LocalStorage(options, catalogue, layers);
  }

  async createVolume(spec: VolumeSpec): Promise<DiskFacts> {
    const { id, capacityBytes, from } = spec;
    checkId(id);
    this.#checkCapacity(id, capacityBytes);
    using _ = this.#catalogue.reserve(id);
    return await explained(id, async () => {
      await using content = await contentOf(spec, this.#options, this.#catalogue, this.#layers);
      checkDepth(id, content.layers);
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
    // Also if it has too many layers for one more.
    using after = new DisposableStack();
    after.defer(() => this.#merging.soon(volume));
    return await this.#exclusively(volume, async () => {
      const live = this.#holders.liveOf(volume);
      if (live) await this.#reconcile(volume, live);
      const record = live ? this.#volume(volume) : await this.#repaired(volume);
      checkDepth(volume, record.layers);
      await using _ = this.#layers.pin(record.layers);
      return await this.#withNewLayer(record.capacityBytes, "empty", async (top) => {
        // The volume first, so that nothing ever refers to a layer that can still be written.
        const put = () => this.#catalogue.put(volume, { ...record, layers: [...record.layers, top] });
        if (live) await this.#addLiveLayer(volume, live, record, top, put);
        else await put();
        // All: an earlier snapshot may have failed before it froze its last one.
        await this.#layers.freeze(record.layers);
        await this.#catalogue.put(snapshot, { ...record, kind: "snapshot", unclean: false });
        return await this.facts(snapshot);
      });
    });
  }

  /** Makes a bootable snapshot of the root of a machine that runs, which is not a volume. */
  async keepRoot(snapshot: string, { image, layers, capacityBytes, freeze }: LayersToKeep): Promise<DiskFacts> {
    checkId(snapshot);
    using _ = this.#catalogue.reserve(snapshot);
    return await explained(snapshot, async () => {
      checkDepth(snapshot, layers);
      await using pins = new AsyncDisposableStack();
      const names: string[] = [];
      const keep = async (kept: Promise<AsyncDisposable & { name: string }>) => names.push(pins.use(await kept).name);
      for (const [n, path] of layers.slice(0, -1).entries())
        await keep(n === 0 && image !== null ? this.#layers.adopt(image, path) : this.#layers.keep(path));
      await freeze();
      await keep(this.#layers.keep(layers.at(-1)!));
      const facts = { kind: "snapshot", bootable: true, unclean: false } as const;
      const kept = await this.#merging.shorten(names, capacityBytes, pins);
      await this.#catalogue.put(snapshot, { format: 1, ...facts, capacityBytes, layers: kept });
      return await this.facts(snapshot);
    });
  }

  async grow(volume: string, capacityBytes: number): Promise<DiskFacts> {
    this.#checkCapacity(volume, capacityBytes);
    return await this.#exclusively(volume, async () => {
      const record = this.#volume(volume);
      const live = this.#holders.liveOf(volume);
      if (capacityBytes < record.capacityBytes)
        throw new DiskError(
          "TOO_SMALL",
          `Volume ${volume} has ${record.capacityBytes} bytes already; a volume can grow, but not shrink.`,
        );
      // Its file grows when a machine opens it, or now if one has it.
      if (capacityBytes > record.capacityBytes) await this.#catalogue.put(volume, { ...record, capacityBytes });
      await live?.resize(deviceBytes(capacityBytes));
      return await this.facts(volume);
    });
  }

  async facts(id: string): Promise<DiskFacts> {
    const record = this.#catalogue.get(id);
    const isShared = (layer: string) => this.#catalogue.usesOf(layer) > 1;
    const machine = this.#holders.all(id)[0]?.machine ?? null;
    return await diskFacts(record, { layers: this.#layers, isShared, machine });
  }

  async exportSnapshot(id: string, signal?: AbortSignal): Promise<DiskFile> {
    return await explained(id, () => this.#transfer.exportSnapshot(id, signal));
  }

  async importVolume(spec: ImportSpec, file: DiskFile): Promise<DiskFacts> {
    checkId(spec.id);
    this.#checkCapacity(spec.id, spec.capacityBytes);
    await explained(spec.id, () => this.#transfer.importVolume(spec, file));
    return await this.facts(spec.id);
  }

  async remove(id: string): Promise<void> {
    await this.#exclusively(id, async () => {
      await this.#catalogue.made(id);
      // An unreadable record stays, and with it the layers that may be its own.
      const record = this.#catalogue.unreadable.has(id) ? this.#catalogue.get(id) : this.#catalogue.find(id);
      if (record) {
        this.#holders.requireFree(id);
        await this.#catalogue.delete(id);
      }
      // Also without a record: an earlier removal may have failed here, and nobody knows which layers it left.
      await this.#options.onRemoval?.(id);
      await (record ? this.#layers.collect(record.layers) : this.#layers.collectAll());
    });
  }

  async list(): Promise<string[]> {
    return this.#catalogue.ids;
  }

  /**
   * The disk of a snapshot, for machines that put a layer of their own on top. Its files stay until this is disposed.
   * They are not looked at until `check` is called, which throws a {@link DiskError} `DAMAGED_DISK`: machines in the warm
   * pool have opened them long ago.
   *
   * @throws {DiskError} `UNKNOWN_DISK`, `WRONG_KIND`, `NOT_BOOTABLE`
   */
  snapshotRoot(id: string): RootDisk & AsyncDisposable & { check(): Promise<void> } {
    const record = this.#catalogue.get(id);
    if (record.kind !== "snapshot")
      throw new DiskError("WRONG_KIND", `${id} is a volume. Make a snapshot of it, and use that as the root.`);
    requireBootable(id, record);
    const { layers, bytes } = this.#pathsOf(record);
    const check = async () => void (await this.#filesOf(id, record));
    return Object.assign(this.#layers.pin(record.layers), { layers, capacityBytes: bytes, check });
  }

  verify(): AsyncIterable<DiskFinding> {
    return verifyDisks(this.#parts);
  }

  /** Merges layers where an earlier process did not. Who has which volume is on record by now. */
  resumeMerging(): void {
    for (const id of this.#catalogue.ids) this.#merging.soon(id);
  }

  /** Waits until the layers that are being merged are. */
  async idle(): Promise<void> {
    await this.#merging.idle();
  }

  /** Stops merging layers. Nothing else is under way in the background. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#merging[Symbol.asyncDispose]();
  }

  /** Gives a volume to a machine, which then has it until {@link detach} or {@link release}. */
  async attach(volume: string, { machine, readOnly, root = false, open }: AttachOptions): Promise<void> {
    await this.#exclusively(volume, async () => {
      const { bootable } = this.#volume(volume);
      if (root) requireBootable(volume, { bootable });
      this.#holders.requireFree(volume);
      const record = await this.#repaired(volume);
      const files = await this.#filesOf(volume, record);
      // Before the first write, so that a crash is known afterwards.
      const marked = readOnly ? Promise.resolve() : this.#catalogue.put(volume, { ...record, unclean: true });
      const [live] = await settled([open(files, marked), marked]);
      this.#holders.set(volume, { machine, readOnly, live });
    });
  }

  /** Records that a machine that an earlier process left may have a volume. {@link takeOver} or {@link release} follows. */
  reserve(volume: string, { machine, readOnly }: { machine: string; readOnly: boolean }): void {
    const others = this.#holders.all(volume).map((holder) => holder.machine);
    if (others.length > 0)
      this.#options.log.warn({ volume, machine, others }, "several machines have a volume on record");
    this.#holders.set(volume, { machine, readOnly, live: null });
  }

  /** Takes over a volume that is in a slot of a machine that an earlier process left. */
  async takeOver(volume: string, machine: string, live: LiveVolume): Promise<void> {
    await this.#exclusively(volume, async () => {
      const holder = this.#holders.find(volume, machine);
      if (!holder) throw new DiskError("DISK_IN_USE", `Machine ${machine} does not have volume ${volume}.`);
      if (!holder.readOnly) await this.#reconcile(volume, live);
      this.#holders.set(volume, { ...holder, live });
    });
  }

  /** Takes a volume from a machine that goes on. @param close closes the volume's files there; if it fails, the machine has it still */
  async detach(volume: string, machine: string, close: () => Promise<void>): Promise<void> {
    await this.#exclusively(volume, async () => {
      await close();
      await this.#free(volume, machine, true);
    });
    this.#merging.soon(volume);
  }

  /** A machine has ended, or never got the volume. @param closed whether it has closed the volume's files properly */
  async release(volume: string, machine: string, closed: boolean): Promise<void> {
    await this.#exclusively(volume, () => this.#free(volume, machine, closed));
    this.#merging.soon(volume);
  }

  /** This process lets go of a machine, which keeps the volume: waits for what is being done to it, and does no more. */
  async leave(volume: string, machine: string): Promise<void> {
    await this.#exclusively(volume, async () => {
      const holder = this.#holders.find(volume, machine);
      if (holder) this.#holders.set(volume, { ...holder, live: null });
    });
  }

  async #free(volume: string, machine: string, closed: boolean): Promise<void> {
    const holder = this.#holders.find(volume, machine);
    if (!holder) return;
    this.#holders.delete(volume, machine);
    if (!closed || holder.readOnly || this.#holders.isWritten(volume)) return;
    const record = this.#volume(volume);
    await syncPath(this.#layers.path(record.layers.at(-1)!));
    // Otherwise it is checked before its next use, as after a crash.
    await this.#catalogue
      .put(volume, { ...record, unclean: false })
      .catch((error: unknown) =>
        this.#options.log.warn({ volume, error: String(error) }, "a closed volume stays marked"),
      );
  }

  /** @throws {DiskError} `DAMAGED_DISK` */
  async #filesOf(volume: string, record: DiskRecord): Promise<DiskFiles> {
    const files = this.#pathsOf(record);
    for (const path of files.layers) {
      await readLayer(path, files.bytes).catch((cause: Error) => {
        throw unusable(`Volume ${volume} cannot be used: ${path}`, cause);
      });
    }
    return files;
  }

  #pathsOf({ layers, capacityBytes }: DiskRecord): DiskFiles {
    return { layers: layers.map((name) => this.#layers.path(name)), bytes: deviceBytes(capacityBytes) };
  }

  /**
   * A machine may lack the last layer of its volume: a snapshot was recorded, and then failed or was interrupted. It gets
   * that layer now; no other one may ever be written.
   */
  async #reconcile(volume: string, live: LiveVolume): Promise<void> {
    const { layers, capacityBytes } = this.#volume(volume);
    const depth = await live.depth();
    if (depth === layers.length) return;
    if (depth === 0 || depth !== layers.length - 1)
      throw new DiskError(
        "DAMAGED_DISK",
        `Volume ${volume} has ${layers.length} layers on record, and ${depth} in its machine. End the machine, and check the volume.`,
      );
    const path = this.#layers.path(layers.at(-1)!);
    await live.addLayer({ path, bytes: deviceBytes(capacityBytes) }, "running", async () => {});
  }

  async #addLiveLayer(
    volume: string,
    live: LiveVolume,
    record: DiskRecord,
    top: string,
    put: () => Promise<void>,
  ): Promise<void> {
    const layer = { path: this.#layers.path(top), bytes: deviceBytes(record.capacityBytes) };
    try {
      await live.addLayer(layer, "frozen", put);
    } catch (error) {
      // Unless the machine writes the new layer already, or is gone, it never will. If that cannot be recorded, the next
      // snapshot puts it right.
      const depth = await live.depth().catch(() => Number.POSITIVE_INFINITY);
      if (depth <= record.layers.length && this.#catalogue.find(volume)?.layers.includes(top))
        await this.#catalogue.put(volume, record).catch(() => {});
      throw error;
    }
  }

  #checkCapacity(id: string, bytes: number): void {
    checkCapacity(id, bytes);
    checkFits(id, bytes, this.#options.mostDiskBytes);
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
    await repairVolume(id, record, this.#parts);
    const repaired = { ...record, unclean: false };
    await this.#catalogue.put(id, repaired);
    return repaired;
  }

  /** Makes a layer for a record that the task writes. If that fails, the layer is removed. */
  async #withNewLayer<Result>(
    capacityBytes: number,
    content: "empty" | "formatted",
    task: (name: string) => Promise<Result>,
  ): Promise<Result> {
    const name = this.#layers.newName();
    await using _ = this.#layers.pin([name]);
    const bytes = deviceBytes(capacityBytes);
    await (content === "empty" ? this.#layers.create(name, bytes) : this.#layers.createFormatted(name, bytes));
    return await task(name);
  }

  get #parts(): StorageParts {
    return {
      catalogue: this.#catalogue,
      layers: this.#layers,
      jail: this.#options.jail,
      isHeld: (id) => this.#holders.all(id).length > 0,
      isWritten: (id) => this.#holders.isWritten(id),
      exclusively: (id, task) => this.#exclusively(id, task),
    };
  }

  async #exclusively<Result>(id: string, task: () => Promise<Result>): Promise<Result> {
    return await this.#queue.run(id, () => explained(id, task));
  }
}
