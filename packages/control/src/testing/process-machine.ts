import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { errnoOf } from "@sandkeep/common";
import type { EgressSpec } from "@sandkeep/egress";
import {
  DiskError,
  type DiskFacts,
  type DiskSpec,
  GuestClient,
  GuestError,
  type Machine,
  type MachineExit,
  type MachineUsage,
} from "@sandkeep/host";
import type { FolderStorage } from "./folder-storage.ts";

/** File in a machine's folder with its disks. */
const DISKS = "disks";
const EBUSY = { constructorName: "Busy", message: "Device or resource busy (os error 16): umount", code: "EBUSY" };

/** An agent that does not serve or answer within this time never will. */
export const START_TIMEOUT_MS = 15_000;

/** FOR TESTS ONLY: one agent process as a machine. */
export class ProcessMachine implements Machine {
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
  /** What it has used. */
  counters = { cpuSeconds: 0, memoryMiBSeconds: 0, egressBytesUp: 0, egressBytesDown: 0 };
  #destroyed = false;
  #released = false;
  #paused = false;

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
    return { ...this.counters, memoryBytes: 0 };
  }

  async setKeep(keep: boolean): Promise<void> {
    // In the order of calls.
    writeFileSync(join(this.folder, "keep"), String(keep));
  }

  /** Detaches from it; it keeps running. */
  release(): void {
    this.#released = true;
    this.guest.close();
  }

  /** Stops the process where it is, so that another object can let it go on. */
  async pause(): Promise<void> {
    this.#paused = true;
    process.kill(this.pid, "SIGSTOP");
    this.guest.close();
    await this.exited;
  }

  async #watch(child: ChildProcess | null): Promise<MachineExit> {
    const end = await this.guest.ended;
    if (this.#released) return await new Promise(() => {});
    if (this.#paused) return { reason: "paused" };
    kill(this.pid);
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await rm(this.folder, { recursive: true, force: true });
    if (this.#destroyed) return { reason: "destroyed" };
    return end.kind === "garbage"
      ? { reason: "garbage", detail: end.detail }
      : { reason: "crashed", detail: "the agent's process ended" };
  }
}

export function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

export function kill(pid: number): void {
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
