import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { errnoOf } from "@sandkeep/common";
import type { EgressEvent, EgressSpec } from "@sandkeep/egress";
import {
  DiskError,
  type DiskFacts,
  type DiskSpec,
  type EgressBatch,
  EgressEvents,
  ForkError,
  GuestClient,
  GuestError,
  type Host,
  type HostInfo,
  type Machine,
  type MachineExit,
  type MachineSpec,
  type MachineUsage,
  NoCapacity,
  type ResumeSpec,
} from "@sandkeep/host";
import { FolderStorage } from "./folder-storage.ts";

/** File in a machine's folder with its disks. */
const DISKS = "disks";
const EBUSY = { constructorName: "Busy", message: "Device or resource busy (os error 16): umount", code: "EBUSY" };

/** An agent that does not serve or answer within this time never will. */
const START_TIMEOUT_MS = 15_000;

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

  /** Processes cannot be copied as machines can. */
  async fork(id: string): Promise<Machine[]> {
    throw new ForkError("NOT_FORKABLE", `Sandbox ${id} is a local process.`);
  }

  async pause(id: string): Promise<void> {
    throw new ForkError("NOT_FORKABLE", `Sandbox ${id} is a local process.`);
  }

  async resume({ id }: ResumeSpec): Promise<Machine> {
    throw new ForkError("NOT_PAUSED", `This host has no paused sandbox ${id}.`);
  }

  async paused(): Promise<string[]> {
    return [];
  }

  async removePaused(): Promise<void> {}

  async adopt(owner: string, ids: string[], from = owner): Promise<Machine[]> {
    const adopted: Machine[] = [];
    for (const id of await readdir(this.#options.dir).catch(() => [])) {
      const folder = join(this.#options.dir, id);
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

/** One agent process. */
class ProcessMachine implements Machine {
  readonly id: string;
  readonly owner: string;
  readonly folder: string;
  readonly pid: number;
  readonly guest: GuestClient;
  readonly exited: Promise<MachineExit>;
  /** The egress it was last told. */
  egress: EgressSpec | null = null;
  /** They are not mounted: the agent has no power over this computer. */
  readonly disks: DiskSpec[];
  storage: FolderStorage | undefined;
  /** Whether programs use its disks. */
  busy = false;
  #destroyed = false;
  #released = false;

  private constructor(
    id: string,
    owner: string,
    folder: string,
    pid: number,
    guest: GuestClient,
    child: ChildProcess | null,
    disks: DiskSpec[],
  ) {
    this.disks = disks;
    this.id = id;
    this.owner = owner;
    this.folder = folder;
    this.pid = pid;
    this.guest = guest;
    this.exited = this.#watch(child);
  }

  static async join(
    id: string,
    owner: string,
    folder: string,
    pid: number,
    child: ChildProcess | null,
  ): Promise<ProcessMachine> {
    const socket = await connectOnceListening(join(folder, "agent.sock"));
    const disks = JSON.parse(await readFile(join(folder, DISKS), "utf8").catch(() => "[]")) as DiskSpec[];
    const guest = await GuestClient.connect(socket, START_TIMEOUT_MS);
    return new ProcessMachine(id, owner, folder, pid, guest, child, disks);
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    kill(this.pid);
    this.guest.close();
    await this.exited;
  }

  async setEgress(spec: EgressSpec): Promise<void> {
    this.egress = spec;
  }

  async attach(disk: DiskSpec): Promise<void> {
    this.storage?.attach(disk.volume, this.id);
    this.disks.push(disk);
    await writeFile(join(this.folder, DISKS), JSON.stringify(this.disks));
  }

  async detach(id: string, { force = false }: { force?: boolean } = {}): Promise<void> {
    if (this.busy && !force) throw new GuestError({ ...EBUSY });
    const at = this.disks.findIndex((disk) => disk.id === id);
    if (at < 0) throw new DiskError("UNKNOWN_DISK", `Machine ${this.id} has no disk ${id}.`);
    const [disk] = this.disks.splice(at, 1);
    this.storage?.release(this.id, disk!.volume);
    await writeFile(join(this.folder, DISKS), JSON.stringify(this.disks));
  }

  async snapshotRoot(snapshot: string): Promise<DiskFacts> {
    if (!this.storage) throw new Error("This machine has no host.");
    return await this.storage.snapshotRoot(snapshot);
  }

  async usage(): Promise<MachineUsage> {
    return { cpuSeconds: 0, memoryMiBSeconds: 0, egressBytesUp: 0, egressBytesDown: 0, memoryBytes: 0 };
  }

  async setKeep(keep: boolean): Promise<void> {
    await writeFile(join(this.folder, "keep"), String(keep));
  }

  /** Detaches from it; it keeps running. */
  release(): void {
    this.#released = true;
    this.guest.close();
  }

  async #watch(child: ChildProcess | null): Promise<MachineExit> {
    const end = await this.guest.ended;
    if (this.#released) return await new Promise(() => {});
    kill(this.pid);
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await rm(this.folder, { recursive: true, force: true });
    if (this.#destroyed) return { reason: "destroyed" };
    return end.kind === "garbage"
      ? { reason: "garbage", detail: end.detail }
      : { reason: "crashed", detail: "the agent's process ended" };
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  if (isAlive(pid)) process.kill(pid, "SIGKILL");
}

/** The socket's file appears a moment before the agent listens on it. */
async function connectOnceListening(path: string): Promise<Socket> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, "connect");
      return socket;
    } catch (error) {
      if (errnoOf(error) !== "ECONNREFUSED" || Date.now() > deadline) throw error;
      await setImmediate();
    }
  }
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
