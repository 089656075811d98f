/**
 * The warm pool of one template: paused clones that have run and been warmed up, and processes that wait for the
 * template's state. It needs no configuration: it stays within a memory budget and follows demand.
 */
import type { Logger } from "@sandkeep/common";
import type { Engine, WaitingVm } from "../engine/engine.ts";
import {
  type BeginClone,
  beginWith,
  type Clone,
  connectGuest,
  discard,
  RUNNING_HELLO_TIMEOUT_MS,
} from "../machines/clone.ts";
import { createFolder, removeFolder } from "../machines/folder.ts";
import type { Template } from "../templates/template.ts";
import { warmClone } from "../templates/warmup.ts";
import { fits } from "./memory.ts";
import { processorsBusy } from "./pressure.ts";
import { CALM_AFTER_MS, CLONE_MIB, PROCESS_MIB, type Targets, targets } from "./targets.ts";

/** Refilling waits until there was no create or kill for this long, so that it does not slow down callers. */
const QUIET_MS = 150;
/** Pause in refilling after a failure, so that a broken host is not kept busy failing. */
const FAILURE_REST_MS = 10_000;

/** While the processors are busy, refilling waits this long; the load is measured over ten seconds anyway. */
const BUSY_REST_MS = 2_000;
/** Clones that are made before any process: enough for one user who tries one thing after another. */
const FIRST_CLONES = 2;

type Waiting = { vm: WaitingVm; dir: string };

export interface PoolOptions {
  engine: Engine;
  template: Template;
  runDir: string;
  budgetMiB: number;
  /** Authorities that its machines trust besides the image's, PEM. */
  caCertificates: string[];
  log: Logger;
}

export class Pool {
  /** Resolves when the first clone waits, or cannot be made. */
  readonly ready: Promise<void>;
  readonly #options: PoolOptions;
  readonly #clones: Clone[] = [];
  readonly #processes: Waiting[] = [];
  #busy = 0;
  #lastCreate = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #refilling: Promise<void> | undefined;
  #closed = false;
  #firstDone!: () => void;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.ready = new Promise((resolve) => (this.#firstDone = resolve));
    this.#later(0);
  }

  get counts(): Targets {
    return { clones: this.#clones.length, processes: this.#processes.length };
  }

  /**
   * Returns a running clone, as fast as possible.
   *
   * @param begin what to do with it first, such as giving it its identity. A clone is told that together with the
   * command to resume, whose answer alone takes a millisecond. If it fails, the clone is discarded.
   */
  async take(begin: BeginClone = async () => {}): Promise<Clone> {
    this.#lastCreate = performance.now();
    this.#busy++;
    try {
      for (let clone: Clone | undefined; (clone = this.#clones.pop()); ) {
        const resumed = clone.vm.resume();
        const begun = beginWith(clone, begin);
        begun.catch(() => {});
        try {
          await resumed;
        } catch {
          // It has just died; try the next one.
          await discard(clone);
          continue;
        }
        return await begun;
      }
      return await beginWith(await this.#load(this.#processes.pop() ?? (await this.#prepare())), begin);
    } finally {
      this.#busy--;
      this.#later(QUIET_MS);
    }
  }

  /** Something else needs the processor now: refilling waits a little. */
  disturb(): void {
    this.#later(QUIET_MS);
  }

  /** Gives memory back, the least valuable first. False if nothing is left to give. */
  async shrink(): Promise<boolean> {
    const last = this.#clones.pop() ?? this.#processes.pop();
    if (!last) return false;
    await discard(last);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#firstDone();
    clearTimeout(this.#timer);
    await this.#refilling;
    await Promise.all([...this.#clones.splice(0), ...this.#processes.splice(0)].map(discard));
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#refilling ??= this.#refill().finally(() => (this.#refilling = undefined));
    }, ms);
  }

  /** One step towards the targets, then the next, unless interrupted by a create or kill. */
  async #refill(): Promise<void> {
    if (this.#busy > 0) return;
    const { budgetMiB, log } = this.#options;
    const want = targets(budgetMiB, performance.now() - this.#lastCreate);
    if (this.#clones.length > 0 || want.clones === 0) this.#firstDone();
    try {
      if (this.#clones.length > want.clones || this.#processes.length > want.processes) {
        const surplus = this.#clones.length > want.clones ? this.#clones.pop() : this.#processes.pop();
        if (surplus) await discard(surplus);
      } else if (this.#clones.length < Math.min(FIRST_CLONES, want.clones) && fits(CLONE_MIB)) await this.#addClone();
      else if (processorsBusy()) return this.#later(BUSY_REST_MS);
      else if (this.#processes.length < want.processes / 2 && fits(PROCESS_MIB)) await this.#addProcess();
      else if (this.#clones.length < want.clones && fits(CLONE_MIB)) await this.#addClone();
      else if (this.#processes.length < want.processes && fits(PROCESS_MIB)) await this.#addProcess();
      else return this.#later(CALM_AFTER_MS);
      this.#later(0);
    } catch (error) {
      this.#firstDone();
      log.warn({ error: String(error) }, "could not add a machine to the warm pool");
      this.#later(FAILURE_REST_MS);
    }
  }

  async #addProcess(): Promise<void> {
    const waiting = await this.#prepare();
    this.#processes.push(waiting);
    this.#forget(this.#processes, waiting);
  }

  async #addClone(): Promise<void> {
    const waiting = await this.#prepare();
    // Nobody waits for it, and others may be in use meanwhile.
    waiting.vm.prioritize("background");
    const clone = await this.#load(waiting);
    try {
      await warmClone(clone, this.#options.caCertificates, this.#options.log);
      await clone.vm.pause();
      clone.vm.prioritize("normal");
    } catch (error) {
      await discard(clone);
      throw error;
    }
    this.#clones.push(clone);
    this.#forget(this.#clones, clone);
  }

  /** Forgets a clone or process that ends while it waits. */
  #forget<T extends { vm: Clone["vm"]; dir: string }>(list: T[], item: T): void {
    void item.vm.exited.then(async () => {
      const at = list.indexOf(item);
      if (at < 0) return;
      list.splice(at, 1);
      await discard(item);
      this.#later(FAILURE_REST_MS);
    });
  }

  async #prepare(): Promise<Waiting> {
    const { engine, template, runDir } = this.#options;
    const dir = createFolder(runDir);
    try {
      return { dir, vm: await engine.prepare({ dir, size: template.size, boot: template.root.boot }, template.files) };
    } catch (error) {
      await removeFolder(dir);
      throw error;
    }
  }

  async #load({ vm, dir }: Waiting): Promise<Clone> {
    try {
      await vm.load();
      return { vm, dir, guest: await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS) };
    } catch (error) {
      await discard({ vm, dir });
      throw error;
    }
  }
}
