/** The host: machines on this computer. */
import { join } from "node:path";
import type { FileLock } from "@sandkeep/common";
import {
  type EgressBatch,
  type ForkSpec,
  type Host,
  type HostInfo,
  type Machine,
  type MachineSpec,
  NoCapacity,
  type ResumeSpec,
  type RootSpec,
} from "../contract.ts";
import { EgressEvents } from "../egress/events.ts";
import { HostEgress } from "../egress/host-egress.ts";
import type { Engine } from "../engine/engine.ts";
import type { PausedMachines } from "../machines/paused.ts";
import { MachineRegistry } from "../machines/registry.ts";
import { defaultBudgetMiB, freeMiB } from "../pool/memory.ts";
import { Pools } from "../pool/pools.ts";
import { memoryOf } from "../pool/targets.ts";
import { type Root, type Roots, rootOfSnapshot, rootOfVolume } from "../roots.ts";
import { checkSpec } from "../spec/check-spec.ts";
import type { LocalStorage } from "../storage/local-storage.ts";
import type { RehearsalDisk } from "../templates/rehearse-disk.ts";
import type { TemplateStore } from "../templates/store.ts";
import type { TemplateKey } from "../templates/template.ts";
import { adoptMachines } from "./adoption.ts";
import { Creation } from "./creation.ts";
import { Continuations } from "./forks/continuations.ts";
import type { HostOptions } from "./options.ts";
import type { HostParts } from "./parts.ts";
import { DEFAULT_MEMORY_MIB, sizeOf } from "./size.ts";
import { Space } from "./space.ts";

/** Among the folders of machines: which ports each egress proxy can reach. Like those, removed at the next start if it was left behind. */
const PORTS = "ports";

export interface LocalHostOptions {
  id: string;
  options: HostOptions;
  runDir: string;
  engine: Engine;
  roots: Roots;
  templates: TemplateStore;
  storage: LocalStorage;
  /** What hot machines of the warm pool rehearse getting a disk with; absent: they do not. */
  rehearsalDisk?: RehearsalDisk;
  /** Lock on the data folder. */
  lock: FileLock;
  caCertificates: string[];
  paused: PausedMachines;
  /** File with verdicts on forks. */
  forkVerdicts: string;
}

export class LocalHost implements Host {
  readonly id: string;
  readonly storage: LocalStorage;
  readonly #options: LocalHostOptions;
  readonly #usual: TemplateKey;
  readonly #budgetMiB: number;
  readonly #parts: HostParts;
  readonly #creation: Creation;
  readonly #continuations: Continuations;
  readonly #space: Space;
  readonly #events = new EgressEvents();
  readonly #closing = new AbortController();

  constructor(opened: LocalHostOptions) {
    const { options, runDir, engine, roots, templates, caCertificates } = opened;
    const { log } = options;
    this.id = opened.id;
    this.storage = opened.storage;
    this.#options = opened;
    this.#usual = { root: roots.default, size: sizeOf(DEFAULT_MEMORY_MIB) };
    this.#budgetMiB = options.aheadMemoryMiB ?? defaultBudgetMiB();
    const pools = new Pools({
      engine,
      templates,
      usual: this.#usual,
      runDir,
      budgetMiB: this.#budgetMiB,
      caCertificates,
      rehearsalDisk: opened.rehearsalDisk,
      log,
      closing: this.#closing.signal,
    });
    const machines = new MachineRegistry(() => pools.disturb());
    // Their forks are made from the same.
    templates.isUsed = ({ memory }) => machines.all.some(({ clone }) => clone.from?.template.memory === memory);
    const jail = options.jail ?? "full";
    const egress = options.egress
      ? new HostEgress({
          ...options.egress,
          hostId: opened.id,
          folder: join(runDir, PORTS),
          jail,
          machines,
          events: this.#events,
          log,
        })
      : null;
    this.#parts = {
      engine,
      runDir,
      templates,
      pools,
      machines,
      storage: opened.storage,
      egress,
      caCertificates,
      log,
    };
    this.#space = new Space({ runDir, machines, log });
    this.#creation = new Creation(this.#parts, jail);
    this.#continuations = new Continuations(this.#parts, {
      paused: opened.paused,
      verdicts: opened.forkVerdicts,
      jail,
    });
  }

  /** Finishes what an earlier process did in the background. Call it before anything else. */
  async catchUp(): Promise<void> {
    this.storage.resumeMerging();
    await this.#continuations.catchUp();
  }

  async create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine> {
    this.#checkOpen();
    checkSpec(spec);
    const size = sizeOf(spec.memoryMiB);
    const root = this.#rootOf(spec.root);
    const key = root.then((root) => ({ root, size }));
    try {
      return await this.#creation.create(spec, key, signal);
    } finally {
      // Its files are open.
      await root.then(
        (root) => root[Symbol.asyncDispose]?.(),
        () => {},
      );
    }
  }

  async #rootOf(spec: RootSpec | undefined): Promise<Root & Partial<AsyncDisposable>> {
    const { roots, storage } = this.#options;
    if (!spec || "image" in spec) return await roots.resolve(spec?.image);
    if ("volume" in spec) return rootOfVolume(spec.volume, roots.default);
    const disk = storage.snapshotRoot(spec.snapshot);
    return {
      ...rootOfSnapshot(spec.snapshot, roots.default, disk),
      [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
    };
  }

  async fork(machine: string, specs: ForkSpec[]): Promise<Machine[]> {
    this.#checkOpen();
    return await this.#continuations.fork(machine, specs);
  }

  async pause(machine: string): Promise<void> {
    this.#checkOpen();
    await this.#continuations.pause(machine);
  }

  async resume(spec: ResumeSpec): Promise<Machine> {
    this.#checkOpen();
    return await this.#continuations.resume(spec);
  }

  async paused(owner: string): Promise<string[]> {
    return await this.#options.paused.list(owner);
  }

  async removePaused(id: string): Promise<void> {
    await this.#continuations.remove(id);
  }

  async adopt(owner: string, ids: string[], from = owner): Promise<Machine[]> {
    // What its former owner is resuming is handed over, too.
    if (from !== owner) await this.#continuations.become();
    const machines = await adoptMachines(this.#parts, { owner, ids, from });
    if (from !== owner) await this.#continuations.setOwner(from, owner);
    // From here on the warm pool is filled.
    await this.#parts.pools.want(this.#usual);
    return machines;
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new NoCapacity("The server is shutting down.");
  }

  egressEvents(owner: string, signal?: AbortSignal): AsyncIterable<EgressBatch> {
    return this.#events.of(owner).read(signal);
  }

  async acknowledgeEgress(owner: string, machine: string, sequence: number): Promise<void> {
    this.#events.of(owner).acknowledge(machine, sequence);
  }

  async ready(): Promise<void> {
    await this.#parts.pools.ready();
  }

  async info(): Promise<HostInfo> {
    const { engine, machines, pools } = this.#parts;
    const waiting = pools.counts;
    return {
      id: this.id,
      acceleration: engine.acceleration,
      jail: this.#options.options.jail ?? "full",
      versions: engine.versions,
      machines: machines.size,
      waiting,
      memoryBudgetMiB: this.#budgetMiB,
      freeMemoryMiB: freeMiB() + memoryOf(waiting),
    };
  }

  async close({ leaveKept = false } = {}): Promise<void> {
    const { engine, machines, pools, egress } = this.#parts;
    this.#closing.abort();
    this.#space[Symbol.dispose]();
    await Promise.allSettled([
      this.#creation.settled(),
      this.#continuations.settled(),
      this.#options.templates.close(),
      this.storage[Symbol.asyncDispose](),
    ]);
    const left = machines.all.filter(({ keep }) => leaveKept && keep);
    const ending = machines.all.filter((machine) => !left.includes(machine));
    await Promise.all([...ending.map((machine) => machine.destroy()), pools.close()]);
    await egress?.[Symbol.asyncDispose]();
    await Promise.all(left.map((machine) => machine.release()));
    await engine[Symbol.asyncDispose]();
    this.#options.lock[Symbol.dispose]();
  }
}
