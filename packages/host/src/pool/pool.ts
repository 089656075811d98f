/**
 * The warm pool of one template: paused clones that have run and been warmed up, some of them hot, and processes that
 * wait for the template's state. It needs no configuration: it stays within a memory budget and follows demand.
 */
import type { TemplateFiles } from "../engine/engine.ts";
import { type BeginClone, beginWith, type Clone, discard, resumeAndBegin } from "../machines/clone.ts";
import { Demand } from "./demand.ts";
import { LOADING } from "./loading.ts";
import { fits, MACHINE_MIB } from "./memory.ts";
import { processorsBusy } from "./pressure.ts";
import { FIRST_CLONES, nextStep, type Step } from "./step.ts";
import { type Prepared, Supply, type SupplyOptions } from "./supply.ts";
import { HEAT_MIB, type PoolKind, PROCESS_MIB, type Targets, targets, type Waiting } from "./targets.ts";

/** Refilling waits until there was no create or kill for this long, so that it does not slow down callers. */
const QUIET_MS = 150;
/** The same after a process was given away, which becomes a machine that somebody waits for, unless that is there sooner. */
const CONTINUED_MS = 5_000;
/**
 * Pause in refilling after a failure, so that a broken host is not kept busy failing. It doubles with each further
 * failure of the same kind, up to the longest.
 */
const FAILURE_REST_MS = 10_000;
const MAX_FAILURE_REST_MS = 10 * 60_000;
/** While the processors are busy, refilling waits this long; the load is measured over ten seconds anyway. */
const BUSY_REST_MS = 2_000;
/** A pool that has what it should have looks again after this time, because demand fades. */
const REVIEW_MS = 60_000;

export interface PoolOptions extends SupplyOptions {
  kind: PoolKind;
  budgetMiB: number;
  /** Whether others need the processors more; default: what the kernel says. */
  busy?: () => boolean;
  /** Whether so much memory is left, in MiB; default: what the kernel says. */
  fits?: (neededMiB: number) => boolean;
}

export interface TakeOptions {
  /** Gives up. */
  signal?: AbortSignal | undefined;
  /** Called before a machine is made because none waits; may refuse that. */
  makeRoom?: () => Promise<void>;
}

export class Pool {
  /** Resolves when the first clone waits, or cannot be made. */
  readonly ready: Promise<void>;
  readonly #options: PoolOptions;
  readonly #supply: Supply;
  readonly #demand = new Demand();
  /** The same of those that could have been hot. */
  readonly #hotDemand = new Demand();
  readonly #hot: Clone[] = [];
  readonly #warm: Clone[] = [];
  readonly #processes: Prepared[] = [];
  /** Hot clones that were taken and still run, and others that are in place of one because none was left. */
  #lent = 0;
  #busy = 0;
  #timer: NodeJS.Timeout | undefined;
  #refilling: Promise<void> | undefined;
  #closed = false;
  /** How often each kind of step has failed since it last succeeded. */
  readonly #failures = new Map<Step, number>();
  #firstDone!: () => void;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#supply = new Supply(options);
    this.ready = new Promise((resolve) => (this.#firstDone = resolve));
    this.#later(0);
  }

  get counts(): Waiting {
    return {
      clones: this.#hot.length + this.#warm.length,
      hot: this.#hot.length,
      processes: this.#processes.length,
    };
  }

  /**
   * Returns a running clone, as fast as possible.
   *
   * @param begin what to do with it first, such as giving it its identity. A clone is told that together with the
   * command to resume, whose answer alone takes a millisecond. If it fails, the clone is discarded.
   * @throws the signal's reason once it is aborted
   */
  async take(begin: BeginClone = async () => {}, options: TakeOptions = {}): Promise<Clone> {
    options.signal?.throwIfAborted();
    const now = performance.now();
    this.#demand.taken(now);
    const lends = this.#lent < this.#targets.lent;
    if (lends) {
      this.#hotDemand.taken(now);
      this.#lent++;
    }
    this.#busy++;
    try {
      const clone = await this.#take(lends, begin, options);
      if (lends) void clone.vm.exited.then(() => this.#lent--);
      return clone;
    } catch (error) {
      if (lends) this.#lent--;
      throw error;
    } finally {
      this.#busy--;
      this.#later(QUIET_MS);
    }
  }

  async #take(lends: boolean, begin: BeginClone, { signal, makeRoom }: TakeOptions): Promise<Clone> {
    for (let clone: Clone | undefined; (clone = this.#next(lends)); ) {
      const begun = await resumeAndBegin(clone, begin);
      if (begun) return begun;
      signal?.throwIfAborted();
    }
    const clone = await LOADING.run(async () => {
      await makeRoom?.();
      return await this.#supply.load(this.#processes.pop() ?? (await this.#supply.prepare()), signal);
    }, signal);
    // Its root and its volumes may have been prepared to take long: nobody waits for that but who asked for it.
    return await beginWith(clone, begin);
  }

  /** The files of its template. */
  get template(): TemplateFiles {
    return this.#options.template.files;
  }

  /** A process that waits for a state, for something other than the template's. */
  async prepare(): Promise<Prepared> {
    try {
      return this.#processes.pop() ?? (await this.#supply.prepare());
    } finally {
      this.#later(CONTINUED_MS);
    }
  }

  /** Something else needs the processor now: refilling waits a little. */
  disturb(): void {
    this.#later(QUIET_MS);
  }

  /** Gives memory back, the least valuable first. False if nothing is left to give. */
  async shrink(): Promise<boolean> {
    const last = this.#hot.pop() ?? this.#warm.pop() ?? this.#processes.pop();
    if (!last) return false;
    await discard(last);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#firstDone();
    clearTimeout(this.#timer);
    this.#supply.close();
    await this.#refilling;
    const all = [...this.#hot.splice(0), ...this.#warm.splice(0), ...this.#processes.splice(0)];
    await Promise.all(all.map(discard));
  }

  get #targets(): Targets {
    const { budgetMiB, kind } = this.#options;
    const now = performance.now();
    return targets(budgetMiB, { clones: this.#demand.at(now), hot: this.#hotDemand.at(now) }, kind);
  }

  /** The clone to take: a hot one if one may be lent, or if there are no others. */
  #next(lends: boolean): Clone | undefined {
    if (this.#warm.length > 0 && (this.#hot.length === 0 || !lends)) return this.#warm.pop();
    const clone = this.#hot.pop();
    if (!clone || lends) return clone;
    this.#lent++;
    void clone.vm.exited.then(() => this.#lent--);
    return clone;
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
    const want = this.#targets;
    const { busy = processorsBusy, budgetMiB, log } = this.#options;
    const step = nextStep(this.counts, want, busy(), budgetMiB);
    if (step === "rest") for (const demand of [this.#demand, this.#hotDemand]) demand.full();
    try {
      this.#later(await this.#do(step));
      this.#failures.delete(step);
    } catch (error) {
      if (this.#closed) return;
      log.warn({ error: String(error) }, "could not add a machine to the warm pool");
      const before = this.#failures.get(step) ?? 0;
      this.#failures.set(step, before + 1);
      this.#later(Math.min(FAILURE_REST_MS * 2 ** before, MAX_FAILURE_REST_MS));
    } finally {
      // The first step makes the first clone, unless none can or should be made.
      this.#firstDone();
    }
  }

  /**
   * Whether there is memory for something that waits, and for a machine besides. Otherwise the next create would have to
   * discard what waits to find room for its machine, and it would be made again afterwards.
   */
  #fits(neededMiB: number): boolean {
    return (this.#options.fits ?? fits)(neededMiB + MACHINE_MIB);
  }

  /** Resolves to when the next step is due, in milliseconds. */
  async #do(step: Step): Promise<number> {
    switch (step) {
      case "add clone":
        if (!this.#fits(MACHINE_MIB)) return REVIEW_MS;
        this.#keep(this.#warm, await this.#supply.warm(this.counts.clones < FIRST_CLONES ? "normal" : "background"));
        this.#demand.replaced();
        return 0;
      case "heat":
        if (!this.#fits(HEAT_MIB)) return REVIEW_MS;
        this.#keep(this.#hot, await this.#supply.heat(this.#warm.shift()!));
        this.#hotDemand.replaced();
        return 0;
      case "add process":
        if (!this.#fits(PROCESS_MIB)) return REVIEW_MS;
        this.#keep(this.#processes, await this.#supply.prepare());
        return 0;
      case "drop hot":
      case "drop warm":
      case "drop process":
        await discard((step === "drop hot" ? this.#hot : step === "drop warm" ? this.#warm : this.#processes).pop()!);
        return 0;
      case "wait":
        return BUSY_REST_MS;
      case "rest":
        return REVIEW_MS;
    }
  }

  /** Lists a clone or process until it is taken, or ends while it waits. */
  #keep<T extends Prepared | Clone>(list: T[], item: T): void {
    list.push(item);
    const gone = async () => {
      const at = list.indexOf(item);
      if (at < 0) return;
      list.splice(at, 1);
      this.#later(FAILURE_REST_MS);
      await discard(item);
    };
    const { log } = this.#options;
    item.vm.exited
      .then(gone)
      .catch((error: unknown) =>
        log.warn({ error: String(error) }, "what is left of a waiting machine was not removed"),
      );
  }
}
