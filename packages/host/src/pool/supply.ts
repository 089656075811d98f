/** Makes the machines of a warm pool. */
import type { Logger } from "@sandkeep/common";
import type { Engine, ForkedFrom, Priority, RootDisk, WaitingVm } from "../engine/engine.ts";
import {
  type Clone,
  connectGuest,
  discard,
  enterRoot,
  killOnAbort,
  RUNNING_HELLO_TIMEOUT_MS,
} from "../machines/clone.ts";
import { createFolder, ownLayerIn, type RootRecord, removeFolder } from "../machines/folder.ts";
import { engineId } from "../machines/source.ts";
import { plugThrowAway } from "../machines/throw-away-root.ts";
import type { Root } from "../roots.ts";
import type { RehearsalDisk } from "../templates/rehearse-disk.ts";
import type { Template } from "../templates/template.ts";
import { heatClone, OwnWarmUpFailed, warmClone } from "../templates/warmup.ts";

/**
 * How long warming up or heating a clone may take, in milliseconds: what its root does meanwhile is its owner's affair.
 * Usually a few seconds; longer in the background of a busy computer.
 */
const WORK_TIMEOUT_MS = 10 * 60_000;

/** A process that waits for the template's state. */
export interface Prepared {
  vm: WaitingVm;
  dir: string;
}

export interface SupplyOptions {
  engine: Engine;
  template: Template;
  /** For a template without a root: the root of its machines; absent if that is a volume. */
  root?: Root;
  runDir: string;
  /** Authorities that its machines trust besides the image's, PEM. */
  caCertificates: string[];
  /** What its hot machines rehearse getting a disk with; absent: they do not. */
  rehearsalDisk?: RehearsalDisk | undefined;
  log: Logger;
}

/** What fails leaves nothing behind. */
export class Supply {
  readonly #options: SupplyOptions;
  readonly #closing = new AbortController();
  /** Whether its hot machines run their root's own warm-up: not any more once that has failed. */
  #ownWarmUp = true;

  constructor(options: SupplyOptions) {
    this.#options = options;
  }

  /** What its machines are made from; null if each has a volume as its root. */
  get #from(): ForkedFrom | null {
    const { engine, template, root = template.root } = this.#options;
    return root.disk && { template: template.files, root: root.disk, engine: engineId(engine) };
  }

  /** What its clones must enter; null if they have their root already, or get it later. */
  get #entering(): RootDisk | null {
    const { template, root = template.root } = this.#options;
    return template.files.disk ? null : root.disk;
  }

  async prepare(): Promise<Prepared> {
    const { engine, template, runDir } = this.#options;
    const { root, size, files } = template;
    const dir = createFolder(runDir);
    try {
      return { dir, vm: await engine.prepare({ dir, size, ...(root.disk && { root: root.disk }) }, files) };
    } catch (error) {
      await removeFolder(dir);
      throw error;
    }
  }

  /**
   * Returns a running clone, which must {@link enter} its root first.
   *
   * @throws the signal's reason once it is aborted, with the process gone
   */
  async load({ vm, dir }: Prepared, signal?: AbortSignal): Promise<Clone> {
    try {
      return await killOnAbort(vm, signal, async () => {
        await vm.load();
        const { template, root = template.root } = this.#options;
        const entering = this.#entering;
        const [guest] = await Promise.all([
          connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS),
          entering && plugThrowAway({ vm, dir }, entering),
        ]);
        return { vm, dir, guest, from: this.#from, ...rootRecord(root, template, dir) };
      });
    } catch (error) {
      await discard({ vm, dir });
      throw error;
    }
  }

  /** Lets a clone enter its root, unless it was captured in it. If that fails, the clone is discarded. */
  async enter(clone: Clone, signal?: AbortSignal): Promise<Clone> {
    if (!this.#entering) return clone;
    try {
      await killOnAbort(clone.vm, signal, () => enterRoot(clone.guest));
      return clone;
    } catch (error) {
      await discard(clone);
      throw error;
    }
  }

  /** Returns a paused clone that has run what everybody runs. */
  async warm(priority: Priority): Promise<Clone> {
    const { caCertificates, log } = this.#options;
    const prepared = await this.prepare();
    prepared.vm.prioritize(priority);
    const clone = await this.load(prepared, this.#closing.signal);
    return { ...(await this.#paused(clone, priority, () => warmClone(clone, caCertificates, log))), trusts: true };
  }

  /** Makes a paused clone hot: it runs what many run first. */
  async heat(clone: Clone): Promise<Clone> {
    return await this.#paused(clone, "background", async () => {
      await clone.vm.resume();
      const { log, rehearsalDisk: disk } = this.#options;
      await heatClone(clone, log, { disk, own: this.#ownWarmUp }).catch((error: unknown) => {
        if (error instanceof OwnWarmUpFailed) this.#ownWarmUp = false;
        throw error;
      });
    });
  }

  /** Ends the machine that is being warmed up or heated. */
  close(): void {
    this.#closing.abort(new Error("The warm pool was closed."));
  }

  /** Does something with a clone for which nobody waits, and pauses it. */
  async #paused(clone: Clone, priority: Priority, work: () => Promise<void>): Promise<Clone> {
    const { vm } = clone;
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(WORK_TIMEOUT_MS)]);
      return await killOnAbort(vm, signal, async () => {
        vm.prioritize(priority);
        await work();
        await vm.pause();
        vm.prioritize("normal");
        return clone;
      });
    } catch (error) {
      await discard(clone);
      throw error;
    }
  }
}

/** The root of a machine in a folder, for its record; none if it is a volume. */
function rootRecord({ kind, id, disk }: Root, { files }: Template, dir: string): { root?: RootRecord } {
  if (!disk) return {};
  const layers = [...disk.layers, ...(files.disk ? [files.disk.layer] : []), ownLayerIn(dir)];
  return { root: { image: kind === "image" ? id : null, layers, capacityBytes: disk.capacityBytes } };
}
