import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EgressEvent } from "@sandkeep/egress";
import {
  type EgressBatch,
  EgressEvents,
  ForkError,
  type ForkSpec,
  type Host,
  type HostInfo,
  type Machine,
  type MachineSpec,
  NoCapacity,
  type ResumeSpec,
} from "@sandkeep/host";
import { FolderStorage } from "./folder-storage.ts";
import { isAlive, kill, ProcessMachine, START_TIMEOUT_MS } from "./process-machine.ts";

/** File in the folder of a paused machine, with its owner. */
const PAUSED = "paused";

export interface ProcessHostOptions {
  /** Where machines are kept: one folder each. A second host on the same folder finds what the first left. */
  dir: string;
  /** The agent's binary; see `buildAgent`. */
  agent: string;
  /** Default `host_processes`. */
  id?: string;
  /** Machines at once. */
  capacity?: number;
  /** Awaited before a machine is created, so that a test decides when that happens. */
  gate?: (spec: MachineSpec) => Promise<void>;
  /** Awaited before a machine is resumed. */
  resuming?: (id: string) => Promise<void>;
}

/**
 * FOR TESTS ONLY: a host whose machines are the real agent as an ordinary local process. It isolates nothing, so it
 * must never run untrusted code. It lets the control plane be tested quickly with real processes, files and streams on
 * computers without QEMU.
 */
export class ProcessHost implements Host {
  readonly #options: ProcessHostOptions;
  readonly machines = new Map<string, ProcessMachine>();
  /** What was requested, in order. */
  readonly specs: MachineSpec[] = [];
  readonly #events = new EgressEvents();

  readonly id: string;
  readonly storage: FolderStorage;

  constructor(options: ProcessHostOptions) {
    this.#options = options;
    this.id = options.id ?? "host_processes";
    this.storage = new FolderStorage(`${options.dir}-disks`);
  }

  async create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine> {
    const { dir, agent, capacity = Infinity, gate } = this.#options;
    this.specs.push(spec);
    if (this.machines.size >= capacity) throw new NoCapacity(`This host holds ${capacity} machines at most.`);
    await gate?.(spec);
    signal?.throwIfAborted();
    const folder = join(dir, spec.id);
    const socket = join(folder, "agent.sock");
    await mkdir(join(folder, "home"), { recursive: true });
    const listening = appears(folder, "agent.sock");
    const child = spawn(agent, ["-unix", socket, "-home", join(folder, "home")], { detached: true, stdio: "ignore" });
    await once(child, "spawn");
    child.unref();
    try {
      await writeFile(join(folder, "pid"), String(child.pid));
      await writeFile(join(folder, "keep"), String(spec.keep));
      await writeFile(join(folder, "owner"), spec.owner);
      await listening;
      const machine = await ProcessMachine.join(spec.id, spec.owner, folder, child.pid as number, child);
      for (const [key, value] of Object.entries(spec.env)) await machine.guest.call("envSet", { key, value });
      machine.egress = spec.egress ?? null;
      this.#take(machine);
      if (spec.root && "volume" in spec.root) this.storage.attach(spec.root.volume, spec.id);
      for (const disk of spec.disks ?? []) await machine.attach(disk);
      return machine;
    } catch (error) {
      kill(child.pid as number);
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Processes cannot be copied as machines can: a child is a new one with the parent's environment and files. */
  async fork(id: string, specs: ForkSpec[]): Promise<Machine[]> {
    const parent = this.#find(id);
    const env = { ...(await parent.guest.call("envToObject", {})) } as Record<string, string>;
    const made: Machine[] = [];
    try {
      for (const spec of specs) {
        await cp(join(parent.folder, "home"), join(this.#options.dir, spec.id, "home"), { recursive: true });
        made.push(await this.create({ ...spec, env: { ...env, ...spec.env }, memoryMiB: 0 }));
      }
      return made;
    } catch (error) {
      for (const machine of made) await machine.destroy();
      for (const { id } of specs) await rm(join(this.#options.dir, id), { recursive: true, force: true });
      throw error;
    }
  }

  async pause(id: string): Promise<void> {
    const machine = this.#find(id);
    await this.#options.gate?.({ id, owner: machine.owner, memoryMiB: 0, env: {}, keep: false });
    await writeFile(join(machine.folder, PAUSED), machine.owner);
    await machine.pause();
  }

  async resume({ id, owner, egress, keep, usage }: ResumeSpec): Promise<Machine> {
    const folder = join(this.#options.dir, id);
    if ((await pausedBy(folder)) !== owner) throw new ForkError("NOT_PAUSED", `This host has no paused sandbox ${id}.`);
    const { capacity = Infinity } = this.#options;
    if (this.machines.size >= capacity) throw new NoCapacity(`This host holds ${capacity} machines at most.`);
    await this.#options.resuming?.(id);
    await rm(join(folder, PAUSED));
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    process.kill(pid, "SIGCONT");
    await writeFile(join(folder, "keep"), String(keep));
    const machine = await ProcessMachine.join(id, owner, folder, pid, null);
    machine.egress = egress ?? null;
    if (usage) machine.counters = { ...usage };
    return this.#take(machine);
  }

  async paused(owner: string): Promise<string[]> {
    const ids = await readdir(this.#options.dir).catch(() => []);
    const owners = await Promise.all(ids.map((id) => pausedBy(join(this.#options.dir, id))));
    return ids.filter((_, n) => owners[n] === owner);
  }

  async removePaused(id: string): Promise<void> {
    const folder = join(this.#options.dir, id);
    if ((await pausedBy(folder)) === null) return;
    kill(Number(await readFile(join(folder, "pid"), "utf8")));
    await rm(folder, { recursive: true, force: true });
  }

  async removeAllPaused(): Promise<void> {
    for (const id of await readdir(this.#options.dir).catch(() => [])) await this.removePaused(id);
  }

  #find(id: string): ProcessMachine {
    const machine = this.machines.get(id);
    if (!machine) throw new ForkError("UNKNOWN_MACHINE", `Sandbox ${id} does not run on this host.`);
    return machine;
  }

  async adopt(owner: string, ids: string[], from = owner): Promise<Machine[]> {
    const adopted: Machine[] = [];
    for (const id of await readdir(this.#options.dir).catch(() => [])) {
      const folder = join(this.#options.dir, id);
      const pausedOwner = await pausedBy(folder);
      if (pausedOwner === from) await writeFile(join(folder, PAUSED), owner);
      if (pausedOwner !== null) continue;
      if ((await readFile(join(folder, "owner"), "utf8").catch(() => from)) !== from) continue;
      const pid = Number(await readFile(join(folder, "pid"), "utf8").catch(() => "0"));
      const keep = (await readFile(join(folder, "keep"), "utf8").catch(() => "")) === "true";
      if (keep && ids.includes(id) && isAlive(pid)) {
        await writeFile(join(folder, "owner"), owner);
        this.machines.get(id)?.release();
        adopted.push(this.#take(await ProcessMachine.join(id, owner, folder, pid, null)));
      } else {
        kill(pid);
        await rm(folder, { recursive: true, force: true });
      }
    }
    return adopted;
  }

  /** Plays a proxy that reports an event: resolves when the control plane has stored it. */
  emitEgress(id: string, event: EgressEvent): Promise<void> {
    return this.#events.push(id, event);
  }

  egressEvents(owner: string, signal?: AbortSignal): AsyncIterable<EgressBatch> {
    return this.#events.of(owner).read(signal);
  }

  async acknowledgeEgress(owner: string, machine: string, sequence: number): Promise<void> {
    this.#events.of(owner).acknowledge(machine, sequence);
  }

  async ready(): Promise<void> {}

  async info(): Promise<HostInfo> {
    const { capacity = Infinity } = this.#options;
    return {
      id: this.id,
      acceleration: { kind: "tcg", reason: "none: machines are local processes, for tests" },
      jail: "full",
      versions: {},
      machines: this.machines.size,
      waiting: { processes: 0, clones: 0, hot: 0 },
      memoryBudgetMiB: 0,
      freeMemoryMiB: 1_024 * (Math.min(capacity, 1_000) - this.machines.size),
    };
  }

  async close({ leaveKept = false }: { leaveKept?: boolean } = {}): Promise<void> {
    for (const machine of [...this.machines.values()]) {
      if (leaveKept && (await readFile(join(machine.folder, "keep"), "utf8")) === "true") machine.release();
      else await machine.destroy();
    }
  }

  #take(machine: ProcessMachine): ProcessMachine {
    this.machines.set(machine.id, machine);
    machine.storage = this.storage;
    for (const { volume } of machine.disks) this.storage.attach(volume, machine.id);
    this.#events.enter(machine.id, machine.owner);
    void machine.exited.then(() => {
      this.machines.delete(machine.id);
      this.storage.release(machine.id);
      this.#events.leave(machine.id);
    });
    return machine;
  }
}

/** The owner of a paused machine; null if it is not paused. */
async function pausedBy(folder: string): Promise<string | null> {
  return await readFile(join(folder, PAUSED), "utf8").catch(() => null);
}

/** Resolves when a file of this name is in the folder. */
async function appears(folder: string, name: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const watcher = watch(folder, () => existsSync(join(folder, name)) && resolve());
  const timer = setTimeout(() => reject(new Error("the agent does not serve")), START_TIMEOUT_MS);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    watcher.close();
  }
}
