/**
 * Makes the disks of paused machines short again: each fork, each resumption and each snapshot adds a layer, and each
 * layer costs all machines that have it. What is merged never changes, and the record changes in one step, so an
 * interruption leaves nothing but files in the folder, which the next start removes.
 */
import { randomBytes } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Logger, SerialQueue, syncPath } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";
import type { PausedMachines } from "../../machines/paused.ts";
import { rootRecord } from "../../machines/source.ts";
import { reserveSpace } from "../../pool/disk.ts";
import { type MergeOptions, mergeLayers, mostMergedBytes } from "../../storage/jailed/merge.ts";
import { createLayer, readLayer } from "../../storage/qcow2.ts";
import { MAX_OWN_LAYERS } from "./continuable.ts";

/** A paused machine may have this many layers of its own. */
const MAX_UNMERGED = 16;
/** How long a resumption waits for merging, milliseconds: usually it takes less than one second. */
const READY_MS = 30_000;
const RANDOM_BYTES = 8;
/** Of a layer that never changes again. */
const FROZEN = 0o444;

export interface ShorteningOptions {
  paused: PausedMachines;
  jail: JailKind;
  log: Logger;
  /** Makes one layer of several. */
  merge?: (target: string, options: MergeOptions) => Promise<void>;
  /** Writes a file or folder to the disk. */
  sync?: (path: string) => Promise<void>;
  /** How long somebody waits for that. Default {@link READY_MS}. */
  readyMs?: number;
}

interface Work {
  stop: AbortController;
  /** Null until it begins. */
  over: Promise<void> | null;
}

export class Shortening implements AsyncDisposable {
  readonly #options: Required<ShorteningOptions>;
  /** What nobody waits for: one machine at a time. */
  readonly #queue = new SerialQueue();
  readonly #underWay = new Map<string, Work>();
  #closed = false;

  constructor(options: ShorteningOptions) {
    this.#options = { merge: mergeNew, sync: syncPath, readyMs: READY_MS, ...options };
  }

  /** Merges a paused machine's layers when there is time, if it has too many. */
  soon(id: string): void {
    if (this.#closed || this.#underWay.has(id)) return;
    const work: Work = { stop: new AbortController(), over: null };
    this.#underWay.set(id, work);
    void this.#queue.run(() => this.#do(id, work, true));
  }

  /**
   * Before a machine is resumed: merges its layers now if it could not be forked afterwards. If that fails or takes too
   * long, or if it has fewer, it stays as it is.
   */
  async ready(id: string): Promise<void> {
    await this.stop(id);
    const record = await this.#options.paused.find(id);
    if (this.#closed || !record || record.own.length + 1 < MAX_OWN_LAYERS) return;
    const work: Work = { stop: new AbortController(), over: null };
    this.#underWay.set(id, work);
    const { readyMs, log } = this.#options;
    const timer = setTimeout(() => {
      log.warn(
        { sandbox: id },
        "merging the layers of a paused machine takes too long: it is resumed with all of them",
      );
      work.stop.abort();
    }, readyMs);
    try {
      await this.#do(id, work, false);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Merges where an earlier process did not. Call it before anything else. */
  async catchUp(): Promise<void> {
    for (const id of await this.#options.paused.ids()) this.soon(id);
  }

  /** Leaves a machine as it is. From here on nothing changes it. */
  async stop(id: string): Promise<void> {
    const work = this.#underWay.get(id);
    if (!work) return;
    work.stop.abort();
    // What waits for its turn has nothing to do then.
    this.#underWay.delete(id);
    await work.over;
  }

  /** Waits for what is to be done. */
  async idle(): Promise<void> {
    await this.#queue.run(async () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#underWay.keys()].map((id) => this.stop(id)));
  }

  /** Never rejects. */
  async #do(id: string, work: Work, whenIdle: boolean): Promise<void> {
    const { signal } = work.stop;
    if (signal.aborted) return;
    work.over = this.#shorten(id, { signal, whenIdle }).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#options.log.warn({ sandbox: id, error: String(error) }, "the layers of a paused machine were not merged");
    });
    await work.over;
    if (this.#underWay.get(id) === work) this.#underWay.delete(id);
  }

  async #shorten(id: string, { signal, whenIdle }: Pick<MergeOptions, "signal" | "whenIdle">): Promise<void> {
    const { paused, jail, merge, sync, log } = this.#options;
    const record = await paused.find(id);
    if (!record || record.own.length <= MAX_UNMERGED || signal.aborted) return;
    const { from, own } = record;
    const dir = paused.folder(id);
    const name = `merged-${randomBytes(RANDOM_BYTES).toString("hex")}.qcow2`;
    const target = join(dir, name);
    const base = rootRecord(dir, from, null, []).layers;
    const layers = own.map((layer) => join(dir, layer));
    try {
      await merge(target, { jail, base, layers, bytes: from.root.capacityBytes, whenIdle, signal });
      await chmod(target, FROZEN);
      // On a slow disk, nobody waits for that who does not want it any more.
      for (const path of [target, dir]) await unlessAborted(sync(path), signal);
      if (!(await paused.replaceLayers(id, own, name))) throw new Error("The machine has changed meanwhile.");
    } catch (error) {
      // The record may have it, although writing that failed. If nobody knows, the file stays.
      const now = await paused.find(id).catch(() => undefined);
      if (now !== undefined && !now?.own.includes(name)) await rm(target, { force: true });
      throw error;
    }
    for (const path of layers) await rm(path, { force: true });
    log.debug({ sandbox: id, layers: own.length }, "merged the layers of a paused machine");
  }
}

/** @throws the signal's reason once it is aborted; then the task goes on by itself */
async function unlessAborted(task: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    await Promise.race([task, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    task.catch(() => {});
  }
}

/** Merges layers that a machine may have written into a new one. */
async function mergeNew(target: string, options: MergeOptions): Promise<void> {
  const { base, layers, bytes } = options;
  for (const path of [...base, ...layers]) await readLayer(path, bytes);
  const { signal, whenIdle } = options;
  using space = reserveSpace(dirname(target), await mostMergedBytes(options), { into: [target], whenIdle });
  await createLayer(target, bytes);
  await mergeLayers(target, { ...options, signal: AbortSignal.any([signal, space.signal]) });
}
