/** The host: machines on this computer. */
import type { FileLock } from "@sandkeep/common";
import { type EgressConfig, type EgressEvent, ProxySupervisor } from "@sandkeep/egress";
import { type Host, type HostInfo, type Machine, type MachineSpec, NoCapacity } from "../contract.ts";
import type { Engine } from "../engine/engine.ts";
import { MachineRegistry } from "../machines/registry.ts";
import { defaultBudgetMiB } from "../pool/memory.ts";
import { Pools } from "../pool/pools.ts";
import type { Roots } from "../roots.ts";
import type { TemplateStore } from "../templates/store.ts";
import type { TemplateKey } from "../templates/template.ts";
import { adoptMachines } from "./adoption.ts";
import { Creation } from "./creation.ts";
import type { HostOptions } from "./options.ts";
import type { HostParts } from "./parts.ts";
import { DEFAULT_MEMORY_MIB, sizeOf } from "./size.ts";

export interface LocalHostOptions {
  options: HostOptions;
  runDir: string;
  engine: Engine;
  roots: Roots;
  templates: TemplateStore;
  /** That no other process uses the data folder. */
  lock: FileLock;
  caCertificates: string[];
}

export class LocalHost implements Host {
  readonly #options: LocalHostOptions;
  readonly #usual: TemplateKey;
  readonly #budgetMiB: number;
  readonly #parts: HostParts;
  readonly #creation: Creation;
  readonly #closing = new AbortController();
  #egressListener: (id: string, event: EgressEvent) => Promise<void> = async () => {};

  constructor(opened: LocalHostOptions) {
    const { options, runDir, engine, roots, templates, caCertificates } = opened;
    const { log } = options;
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
      log,
      closing: this.#closing.signal,
    });
    const machines = new MachineRegistry(() => pools.disturb());
    const egress = options.egress ? this.#startEgress(options.egress, machines) : null;
    this.#parts = { engine, runDir, pools, machines, egress, caCertificates, log };
    this.#creation = new Creation(this.#parts, options.jail ?? "full");
  }

  #startEgress(egress: { dir: string; config: EgressConfig }, machines: MachineRegistry): ProxySupervisor {
    const { log } = this.#options.options;
    return new ProxySupervisor({
      ...egress,
      log,
      onEvent: (id, event) => this.#egressListener(id, event),
      onViolation: (id, detail) => machines.get(id)?.violation(`egress: ${detail}`),
    });
  }

  async create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine> {
    if (this.#closing.signal.aborted) throw new NoCapacity("The server is shutting down.");
    const root = await this.#options.roots.resolve(spec.root);
    return await this.#creation.create(spec, { root, size: sizeOf(spec.memoryMiB) }, signal);
  }

  async adopt(ids: string[]): Promise<Machine[]> {
    const machines = await adoptMachines(this.#parts, ids);
    // From here on machines are kept warm; what was there before has been removed.
    await this.#parts.pools.of(this.#usual);
    return machines;
  }

  watchEgress(listener: (id: string, event: EgressEvent) => Promise<void>): void {
    this.#egressListener = listener;
  }

  async ready(): Promise<void> {
    await this.#parts.pools.ready();
  }

  async info(): Promise<HostInfo> {
    const { engine, machines, pools } = this.#parts;
    return {
      acceleration: engine.acceleration,
      jail: this.#options.options.jail ?? "full",
      versions: engine.versions,
      machines: machines.size,
      waiting: pools.counts,
      memoryBudgetMiB: this.#budgetMiB,
    };
  }

  async close({ leaveKept = false } = {}): Promise<void> {
    const { machines, pools, egress } = this.#parts;
    this.#closing.abort();
    await Promise.allSettled([this.#creation.settled(), this.#options.templates.close()]);
    const ending = machines.all.filter((machine) => !(leaveKept && machine.keep));
    await Promise.all([...ending.map((machine) => machine.destroy()), pools.close()]);
    await egress?.[Symbol.asyncDispose]();
    this.#options.lock[Symbol.dispose]();
  }
}
