/**
 * Merges the layers of volumes with many snapshots, in the background. What is merged never changes, and the volume's
 * record changes in one step, so an interruption leaves nothing but a file that no disk has.
 */
import { type Logger, SerialQueue } from "@sandkeep/common";
import { reserveSpace } from "../../pool/disk.ts";
import { type MergeOptions, mergeLayers, mostMergedBytes } from "../jailed/merge.ts";
import type { StorageParts } from "../parts.ts";
import { readLayer } from "../qcow2.ts";
import { deviceBytes, frozenLayers } from "../record.ts";

/** A volume may have this many layers between its image and its own: more cost space, open files and time. */
const MAX_UNMERGED = 16;
/** As many can be in a snapshot of a machine's root; beyond, they are merged before the snapshot is there. */
const MAX_UNMERGED_AT_ONCE = 32;
/** How much more must be free on the host's disk than for what somebody waits for, in bytes. */
const MARGIN_BYTES = 1024 ** 3;

export type MergingOptions = StorageParts & { log: Logger };

/** Layers of which one can take the place. */
interface Run {
  /** What is below them and stays: an image, or nothing. */
  base: string[];
  layers: string[];
  /** The largest device that one of them may be of. */
  mostBytes: number;
}

export class Merging implements AsyncDisposable {
  readonly #options: MergingOptions;
  /** One at a time. */
  readonly #queue = new SerialQueue();
  readonly #waiting = new Set<string>();
  readonly #closing = new AbortController();

  constructor(options: MergingOptions) {
    this.#options = options;
  }

  /** Merges a volume's layers when there is time, if it has too many and no machine has it. */
  soon(volume: string): void {
    if (this.#waiting.has(volume) || !this.#runOf(volume)) return;
    this.#waiting.add(volume);
    void this.#queue.run(async () => {
      this.#waiting.delete(volume);
      await this.#merge(volume).catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#options.log.warn({ volume, error: String(error) }, "the layers of a volume could not be merged");
      });
    });
  }

  /** Waits for what is to be done. */
  async idle(): Promise<void> {
    await this.#queue.run(async () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.idle();
  }

  /**
   * Merges the layers of a disk that does not exist yet, if it would have very many.
   *
   * @param made where a new layer is kept until the disk has it
   */
  async shorten(names: string[], capacityBytes: number, made: AsyncDisposableStack): Promise<string[]> {
    if (names.length <= MAX_UNMERGED_AT_ONCE) return names;
    const run = this.#runIn(names, capacityBytes);
    return [...run.base, made.use(await this.#mergedLayer(run, { isWaitedFor: true })).name];
  }

  #runIn(frozen: string[], capacityBytes: number): Run {
    const base = frozen.slice(0, this.#options.layers.isImage(frozen[0] ?? "") ? 1 : 0);
    return { base, layers: frozen.slice(base.length), mostBytes: deviceBytes(capacityBytes) };
  }

  /** What is to be merged now. */
  #runOf(volume: string): Run | null {
    const { catalogue, isHeld } = this.#options;
    const record = catalogue.find(volume);
    if (record?.kind !== "volume" || isHeld(volume) || this.#closing.signal.aborted) return null;
    const run = this.#runIn(frozenLayers(record), record.capacityBytes);
    return run.layers.length > MAX_UNMERGED ? run : null;
  }

  async #merge(volume: string): Promise<void> {
    const { layers, catalogue, exclusively } = this.#options;
    const run = this.#runOf(volume);
    if (!run) return;
    await using _ = layers.pin([...run.base, ...run.layers]);
    // A snapshot that failed or was interrupted may have left one that could be written.
    await exclusively(volume, async () => {
      if (this.#runOf(volume) && !catalogue.get(volume).unclean) await layers.freeze(run.layers);
    });
    // One that a machine wrote that crashed is repaired first, at the volume's next use.
    for (const name of run.layers) if (await layers.mayChange(name)) return;
    await using merged = await this.#mergedLayer(run, { isWaitedFor: false });
    for (const id of this.#options.catalogue.ids) await this.#replace(id, run, merged.name);
  }

  async #mergedLayer(run: Run, { isWaitedFor }: { isWaitedFor: boolean }): Promise<AsyncDisposable & { name: string }> {
    const { layers, jail } = this.#options;
    const [below, paths] = [run.base, run.layers].map((names) => names.map((name) => layers.path(name)));
    let bytes = 0;
    // A machine may have written all of them. The last one has the size of the device.
    for (const path of [...below!, ...paths!]) bytes = (await readLayer(path, run.mostBytes)).bytes;
    const options: MergeOptions = {
      jail,
      base: below!,
      layers: paths!,
      bytes,
      whenIdle: true,
      signal: this.#closing.signal,
    };
    const mostBytes = await mostMergedBytes(options);
    return await layers.createFrozen(bytes, async (path) => {
      const how = { into: [path], whenIdle: !isWaitedFor, marginBytes: MARGIN_BYTES };
      using space = reserveSpace(layers.dir, mostBytes, how);
      await mergeLayers(path, { ...options, signal: AbortSignal.any([options.signal, space.signal]) });
    });
  }

  /** Gives a volume the merged layer, if it begins with the same layers and no machine has it. */
  async #replace(id: string, { base, layers }: Run, merged: string): Promise<void> {
    const { catalogue, exclusively, isHeld } = this.#options;
    const old = [...base, ...layers];
    const find = () => {
      const record = catalogue.find(id);
      const isSame = record?.kind === "volume" && frozenLayers(record).slice(0, old.length).join() === old.join();
      return isSame && !isHeld(id) ? record : null;
    };
    if (!find()) return;
    await exclusively(id, async () => {
      const record = find();
      if (!record) return;
      await catalogue.put(id, { ...record, layers: [...base, merged, ...record.layers.slice(old.length)] });
    });
  }
}
