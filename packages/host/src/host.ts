/** The host: machines on this computer. */
import { type EgressConfig, type EgressEvent, EgressProxy, guestAuthorities } from "@sandkeep/egress";
import { type Host, type HostInfo, type Machine, type MachineSpec, NoCapacity } from "./contract.ts";
import type { BootFiles, Engine, MachineSize } from "./engine/engine.ts";
import { createQemu } from "./engine/qemu/create.ts";
import type { JailKind } from "./engine/qemu/jail/jail.ts";
import { type Layout, layout, verdictsOf } from "./layout.ts";
import { lock } from "./lock.ts";
import type { Log } from "./log.ts";
import {
  BOOT_HELLO_TIMEOUT_MS,
  type Clone,
  connectGuest,
  discard,
  RUNNING_HELLO_TIMEOUT_MS,
} from "./machines/clone.ts";
import {
  createFolder,
  listFolders,
  type MachineRecord,
  readRecord,
  removeFolder,
  writeRecord,
} from "./machines/folder.ts";
import { newIdentity } from "./machines/identity.ts";
import { RunningMachine } from "./machines/machine.ts";
import { requireMachines } from "./preconditions/require.ts";
import { diskFits } from "./stock/disk.ts";
import { defaultBudgetMiB, fits } from "./stock/memory.ts";
import { Stock } from "./stock/stock.ts";
import { CLONE_MIB } from "./stock/targets.ts";
import { TemplateStore } from "./templates/template.ts";

/** Virtual CPUs of every machine (platform features A). */
const VCPUS = 2;
/** The size machines have unless asked otherwise; its template is built before anyone asks. */
const DEFAULT_MEMORY_MIB = 1280;
/** Sizes for which machines are kept ahead of demand at the same time: memory sizes are free to choose, and each costs. */
const MAX_STOCKS = 4;

export interface HostOptions {
  /** Folder for machines and what they need. One process at a time uses it. */
  dataDir: string;
  /** Folder of templates, which hosts may share; default one in `dataDir`. */
  templatesDir?: string;
  image: { id: string; rootDisk: string; kernel: string; initramfs: string; agent: string };
  log: Log;
  /** Memory for what waits ahead of demand, in MiB; default an eighth of all memory. */
  aheadMemoryMiB?: number;
  /** What lets machines out: the proxy's folder (its CA, its key of sealed secrets) and settings. Absent: nothing gets out. */
  egress?: { dir: string; config: EgressConfig };
  /** Default `auto`: KVM if it works, else emulation. */
  accelerator?: "auto" | "kvm" | "tcg";
  /** Default `full`; `minimal` is for where no namespaces can be made, and is never chosen by itself. */
  jail?: JailKind;
}

/**
 * Opens the host.
 *
 * @throws {PreconditionError} when this computer cannot run machines
 * @throws when another process uses the data folder
 */
export async function createHost(options: HostOptions): Promise<Host> {
  await requireMachines(options.jail ?? "full");
  const paths = layout(options.dataDir);
  const held = await lock(paths.lock);
  try {
    const { kernel, initramfs, rootDisk } = options.image;
    const boot: BootFiles = { kernel, initramfs, rootDisk };
    const newFolder = () => createFolder(paths.run);
    const templatesDir = options.templatesDir ?? paths.templates;
    const engine = await createQemu({
      boot,
      newFolder,
      imageId: options.image.id,
      agent: options.image.agent,
      verdicts: verdictsOf(templatesDir),
      frequency: paths.frequency,
      ...(options.accelerator && { accelerator: options.accelerator }),
      ...(options.jail && { jail: options.jail }),
    });
    options.log.info({ ...engine.acceleration, versions: engine.versions }, "engine ready");
    if (options.jail === "minimal")
      options.log.warn({ jail: "minimal" }, "machines have the minimal jail: see docs/security.md");
    const templates = new TemplateStore({
      dir: templatesDir,
      newFolder,
      engine,
      image: { id: options.image.id, boot },
      log: options.log,
    });
    await templates.load(sizeOf);
    return new LocalHost(options, paths, engine, templates, held, await authoritiesFor(options));
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

/** What guests trust besides their image's authorities, PEM. */
async function authoritiesFor({ egress, log }: HostOptions): Promise<string[]> {
  if (!egress) return [];
  const { pems, leftOut } = await guestAuthorities({ dir: egress.dir, caFiles: egress.config.caFiles });
  if (leftOut > 0)
    log.warn(
      { given: pems.length, leftOut },
      "too many further authorities: sandboxes are not given all of them; name fewer in egress.caFiles",
    );
  return pems;
}

function sizeOf(memoryMiB: number): MachineSize {
  return { memoryMiB, vcpus: VCPUS };
}

class LocalHost implements Host {
  readonly #options: HostOptions;
  readonly #paths: Layout;
  readonly #engine: Engine;
  readonly #templates: TemplateStore;
  readonly #lock: AsyncDisposable;
  readonly #jail: JailKind;
  readonly #egress: EgressProxy | null;
  readonly #caCertificates: string[];
  readonly #stocks = new Map<number, Stock>();
  readonly #machines = new Set<RunningMachine>();
  readonly #creating = new Set<Promise<unknown>>();
  readonly #budgetMiB: number;
  #egressListener: (id: string, event: EgressEvent) => Promise<void> = async () => {};
  #closed = false;

  constructor(
    options: HostOptions,
    paths: Layout,
    engine: Engine,
    templates: TemplateStore,
    held: AsyncDisposable,
    caCertificates: string[],
  ) {
    this.#options = options;
    this.#jail = options.jail ?? "full";
    this.#paths = paths;
    this.#engine = engine;
    this.#templates = templates;
    this.#lock = held;
    this.#caCertificates = caCertificates;
    this.#egress = options.egress ? this.#startEgress(options.egress) : null;
    this.#budgetMiB = options.aheadMemoryMiB ?? defaultBudgetMiB();
  }

  #startEgress(egress: { dir: string; config: EgressConfig }): EgressProxy {
    const machine = (id: string) => [...this.#machines].find((one) => one.id === id);
    return new EgressProxy({
      ...egress,
      log: (level, fields, text) => this.#options.log[level](fields, text),
      onEvent: (id, event) => this.#egressListener(id, event),
      onViolation: (id, detail) => machine(id)?.violation(`egress: ${detail}`),
    });
  }

  async create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine> {
    if (this.#closed) throw new NoCapacity("The server is shutting down.");
    const creating = this.#create(spec, signal);
    this.#creating.add(creating);
    try {
      return await creating;
    } finally {
      this.#creating.delete(creating);
    }
  }

  async #create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine> {
    await this.#makeRoom();
    const clone = await this.#newClone(spec.memoryMiB).catch(async (error) => {
      // What this computer lacks says more than how QEMU failed.
      await requireMachines(this.#jail);
      throw error;
    });
    // It holds the time, so it is made when the machine is there: waiting for one may take seconds.
    const identity = newIdentity(spec.id, spec.env, this.#caCertificates);
    const record: MachineRecord = { id: spec.id, memoryMiB: spec.memoryMiB, keep: spec.keep };
    try {
      signal?.throwIfAborted();
      await Promise.all([clone.guest.call("resume", identity), writeRecord(clone.dir, record)]);
      signal?.throwIfAborted();
    } catch (error) {
      await discard(clone);
      throw error;
    }
    const machine = new RunningMachine(record, clone, this.#egress, this.#options.log);
    // Not waited for: until the proxy serves the machine, what it sends waits, and nothing leaves.
    if (this.#egress && spec.egress) {
      machine
        .setEgress(spec.egress)
        .catch((error: Error) => this.#options.log.error({ sandbox: spec.id, error: error.message }, "no egress"));
    }
    return this.#track(machine);
  }

  #track(machine: RunningMachine): Machine {
    this.#machines.add(machine);
    void machine.exited.then(() => {
      this.#machines.delete(machine);
      for (const stock of this.#stocks.values()) stock.disturb();
    });
    return machine;
  }

  /** Gives back what waits ahead of demand before a machine is refused. */
  async #makeRoom(): Promise<void> {
    if (!(await diskFits(this.#paths.run))) {
      throw new NoCapacity(
        "This machine's disk is nearly full. End some sandboxes, or make room on the disk of the data folder.",
      );
    }
    while (!fits(CLONE_MIB)) {
      const given = await Promise.all([...this.#stocks.values()].map((stock) => stock.shrink()));
      if (!given.includes(true)) {
        throw new NoCapacity(
          "This machine has no memory left for another sandbox. End some, or give the host more memory.",
        );
      }
    }
  }

  #newClone(memoryMiB: number): Promise<Clone> {
    const stock = this.#stockOf(memoryMiB);
    return stock ? stock.take() : this.#coldBoot(memoryMiB);
  }

  #stockOf(memoryMiB: number): Stock | undefined {
    const stock = this.#stocks.get(memoryMiB);
    if (stock) return stock;
    const template = this.#templates.get(memoryMiB);
    if (!template) {
      this.#buildTemplate(memoryMiB);
      return undefined;
    }
    return this.#addStock(memoryMiB);
  }

  #buildTemplate(memoryMiB: number): void {
    void this.#templates.ensure(sizeOf(memoryMiB)).then(
      () => this.#closed || this.#addStock(memoryMiB),
      (error) =>
        this.#closed || this.#options.log.error({ memoryMiB, error: String(error) }, "could not build a template"),
    );
  }

  #addStock(memoryMiB: number): Stock | undefined {
    const known = this.#stocks.get(memoryMiB);
    const template = this.#templates.get(memoryMiB);
    if (known || !template) return known;
    const others = [...this.#stocks.keys()].filter((size) => size !== DEFAULT_MEMORY_MIB);
    if (memoryMiB !== DEFAULT_MEMORY_MIB && others.length >= MAX_STOCKS - 1) {
      const oldest = others[0]!;
      void this.#stocks.get(oldest)!.close();
      this.#stocks.delete(oldest);
    }
    const budgetMiB = memoryMiB === DEFAULT_MEMORY_MIB ? this.#budgetMiB : Math.floor(this.#budgetMiB / MAX_STOCKS);
    const stock = new Stock({
      engine: this.#engine,
      template,
      runDir: this.#paths.run,
      budgetMiB,
      caCertificates: this.#caCertificates,
      log: this.#options.log,
    });
    this.#stocks.set(memoryMiB, stock);
    return stock;
  }

  async #coldBoot(memoryMiB: number): Promise<Clone> {
    const dir = createFolder(this.#paths.run);
    const vm = await this.#engine
      .boot({ dir, size: sizeOf(memoryMiB), boot: this.#options.image })
      .catch(async (error) => {
        await removeFolder(dir);
        throw error;
      });
    try {
      return { vm, dir, guest: await connectGuest(vm, BOOT_HELLO_TIMEOUT_MS) };
    } catch (error) {
      await discard({ vm, dir });
      throw error;
    }
  }

  async adopt(ids: string[]): Promise<Machine[]> {
    const folders = await Promise.all(
      (await listFolders(this.#paths.run)).map(async (dir) => ({ dir, record: await readRecord(dir) })),
    );
    const kept = folders.filter(({ record }) => record?.keep && ids.includes(record.id));
    const machines = (await Promise.all(kept.map(({ dir, record }) => this.#takeOver(dir, record!)))).filter(
      (machine) => machine !== null,
    );
    // Afterwards: what could not be taken over is nobody's, and must not run on without a folder.
    const taken = new Set(machines.map(({ clone }) => clone.dir));
    await this.#engine.sweep(this.#paths.run, taken);
    await Promise.all(
      folders
        .filter(({ dir }) => !taken.has(dir))
        .map(async ({ dir, record }) => {
          await removeFolder(dir);
          this.#options.log.info({ dir, sandbox: record?.id }, "removed what a former run left");
        }),
    );
    this.#stockOf(DEFAULT_MEMORY_MIB);
    return machines;
  }

  async #takeOver(dir: string, record: MachineRecord): Promise<RunningMachine | null> {
    const vm = await this.#engine.adopt(dir);
    if (!vm) return null;
    try {
      const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
      const machine = new RunningMachine(record, { vm, guest, dir }, this.#egress, this.#options.log);
      this.#track(machine);
      return machine;
    } catch (error) {
      this.#options.log.warn({ sandbox: record.id, error: String(error) }, "could not take over a machine");
      await vm.kill();
      return null;
    }
  }

  watchEgress(listener: (id: string, event: EgressEvent) => Promise<void>): void {
    this.#egressListener = listener;
  }

  async ready(): Promise<void> {
    await this.#templates.ensure(sizeOf(DEFAULT_MEMORY_MIB)).catch(() => {});
    await this.#stocks.get(DEFAULT_MEMORY_MIB)?.ready;
  }

  async info(): Promise<HostInfo> {
    const waiting = { processes: 0, clones: 0 };
    for (const { counts } of this.#stocks.values()) {
      waiting.processes += counts.processes;
      waiting.clones += counts.clones;
    }
    return {
      acceleration: this.#engine.acceleration,
      jail: this.#jail,
      versions: this.#engine.versions,
      machines: this.#machines.size,
      waiting,
      memoryBudgetMiB: this.#budgetMiB,
    };
  }

  async close({ leaveKept = false } = {}): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#creating, this.#templates.close()]);
    const ending = [...this.#machines].filter((machine) => !(leaveKept && machine.keep));
    await Promise.all([
      ...ending.map((machine) => machine.destroy()),
      ...[...this.#stocks.values()].map((stock) => stock.close()),
    ]);
    await this.#egress?.[Symbol.asyncDispose]();
    await this.#lock[Symbol.asyncDispose]();
  }
}
