/**
 * The host's contract: what the control plane may ask of a machine that runs sandboxes. Everything here is plain data
 * and byte streams, so that a host may one day answer from across a network.
 */
import type { Duplex } from "node:stream";
import type { EgressEvent, EgressSpec } from "@sandkeep/egress";
import type { GuestCalls, GuestStreams } from "./guest/contract.ts";

/** What a machine's root file system is made of. The machine writes to an overlay that ends with it. */
export interface RootSpec {
  /** Id of a guest image that the host has. */
  image: string;
}

/** A disk of a machine's besides its root. */
export interface DiskSpec {
  /** Names it within the machine: at most 20 of a–z, 0–9 and `-`. */
  id: string;
  /** Which disk: the handle that the host gave when it was made. */
  handle: string;
  readOnly: boolean;
  /** Absolute path in the guest where its file system is mounted. */
  mount: string;
}

/** What only grows while a machine runs. */
export interface UsageCounters {
  /** Processor time of the machine and its monitor, in seconds. */
  cpuSeconds: number;
  /** The memory it was given, for as long as it ran, in MiB × seconds. */
  memoryMiBSeconds: number;
  /** Bodies of requests and bytes of connections that have ended, in bytes; as the guest sent and got them. */
  egressBytesUp: number;
  egressBytesDown: number;
}

/** What a machine has used. */
export interface MachineUsage extends UsageCounters {
  /** Memory of its own that it holds now, without what it shares with its template, in bytes. 0 when it has ended. */
  memoryBytes: number;
}

/** What a new machine should be. */
export interface MachineSpec {
  /** The sandbox's id, unique on this host. */
  id: string;
  /** Id of the control plane that asks: who may take the machine over after a restart. */
  owner: string;
  /** Absent: the host's default. */
  root?: RootSpec;
  /** 768 to 4096. */
  memoryMiB: number;
  /** Sandbox-wide environment. */
  env: Record<string, string>;
  /** What it may reach. Absent: nothing. */
  egress?: EgressSpec;
  /** Disks besides the root, at most 8. Absent: none. */
  disks?: DiskSpec[];
  /** What the sandbox has used in former machines: counting goes on from there. Absent: nothing. */
  usage?: UsageCounters;
  /** Kept by {@link Host.adopt} if the control plane dies; otherwise such a machine is removed. */
  keep: boolean;
}

/** Why a machine is no more. */
export type MachineExit =
  | { reason: "destroyed" }
  /** The guest powered off or restarted itself. */
  | { reason: "powered-off" }
  /** The virtual machine monitor ended by itself; `detail` is for the operator. */
  | { reason: "crashed"; detail: string }
  /** The guest broke its contract; `detail` is for the operator. */
  | { reason: "garbage"; detail: string };

/** A running microVM. */
export interface Machine {
  readonly id: string;
  readonly guest: Guest;
  /** Resolves when nothing of the machine is left: process, disk, sockets. */
  readonly exited: Promise<MachineExit>;
  /** Changes {@link MachineSpec.keep}; durable when this resolves. */
  setKeep(keep: boolean): Promise<void>;
  /** Changes what it may reach; in force, on open connections too, when this resolves. */
  setEgress(spec: EgressSpec): Promise<void>;
  /** What it has used until now, or until it ended. Counters survive a restart of the host; of egress, but for the last second. */
  usage(): Promise<MachineUsage>;
  /** Ends it now. Resolves when nothing is left. */
  destroy(): Promise<void>;
}

/** The agent in a machine. Rejects with `GuestError` what the agent refuses, with `GuestGone` when the machine ends. */
export interface Guest {
  call<M extends keyof GuestCalls>(
    method: M,
    params: GuestCalls[M][0],
    signal?: AbortSignal,
  ): Promise<GuestCalls[M][1]>;
  /** Resolves with the stream as soon as params are on their way; the bytes after the prefix messages are the duplex's. */
  stream<M extends keyof GuestStreams>(
    method: M,
    params: GuestStreams[M][0],
    signal?: AbortSignal,
  ): GuestStream<GuestStreams[M][1]>;
  /** Whoever reads a stream's bytes found what the contract does not allow: the machine is to end. `detail` is for the operator. */
  violation(detail: string): void;
}

/** A duplex of the raw bytes of both bodies. Destroying it resets the HTTP/2 stream. */
export interface GuestStream<Head> extends Duplex {
  /** The head, or the agent's refusal. For methods whose head follows the request body: end the stream first. */
  readonly head: Promise<Head>;
}

/** An event of egress, on its way to the control plane. */
export interface EgressRecord {
  /** Id of the machine. */
  machine: string;
  /** Grows from event to event of a stream, whichever machine's. */
  sequence: number;
  event: EgressEvent;
}

export interface EgressBatch {
  /** Sequence numbers mean something within a stream; a host that was started again begins another. */
  stream: string;
  records: EgressRecord[];
}

/** A computer that runs machines. */
export interface Host {
  /** Stays the same over restarts; no other host has it. */
  readonly id: string;
  /** A machine ready for use: identity given, agent answering. Throws `NoCapacity` when memory does not suffice, `SpecError` for a spec that this host can never meet. */
  create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine>;
  /**
   * Called by a control plane that has started: takes over the machines with `keep` among `ids`, also those that a former process
   * of the host left running, and removes every other machine of that owner's. Machines of other owners stay as they are.
   *
   * @param owner whom the machines belong to from now on
   * @param from whom they belonged to, if that was another control plane; default `owner`
   */
  adopt(owner: string, ids: string[], from?: string): Promise<Machine[]>;
  /**
   * Events of egress of an owner's machines: those that have not been acknowledged, then new ones as they come, all in the order of
   * their sequence numbers. An owner has one reader: when another begins, or the signal is aborted, the iteration ends.
   *
   * A machine that has 256 events unacknowledged has to wait before it may do more. A reader that comes back after it lost its
   * connection gets again what it has not acknowledged, under the same sequence numbers.
   */
  egressEvents(owner: string, signal?: AbortSignal): AsyncIterable<EgressBatch>;
  /** All events of the machine up to this sequence number are safe, and are not given again. */
  acknowledgeEgress(owner: string, machine: string, sequence: number): Promise<void>;
  /** Resolves when a machine of the usual kind waits in the warm pool, or it is clear that none will. */
  ready(): Promise<void>;
  /** For `doctor`, logs and the dashboard. */
  info(): Promise<HostInfo>;
  /** Ends every machine (with `leaveKept`, all but those with `keep`) and the warm pool. */
  close(options?: { leaveKept?: boolean }): Promise<void>;
}

export interface HostInfo {
  id: string;
  acceleration: { kind: "kvm" | "tcg"; reason: string };
  /** Around each machine: `full` has namespaces, `minimal` does without. */
  jail: "full" | "minimal";
  versions: Record<string, string>;
  machines: number;
  /** In the warm pools: processes that wait, and clones that wait paused. */
  waiting: { processes: number; clones: number };
  memoryBudgetMiB: number;
  /** Memory for further machines, what the warm pools would give back included, in MiB. */
  freeMemoryMiB: number;
}

/** The agent refused or failed an operation; `object` is fit for clients. */
export class GuestError extends Error {
  override name = "GuestError";
  readonly object: import("./guest/contract.ts").GuestErrorObject;
  constructor(object: import("./guest/contract.ts").GuestErrorObject) {
    super(object.message);
    this.object = object;
  }
}

/** The machine ended while the operation was under way, or before. */
export class GuestGone extends Error {
  override name = "GuestGone";
}

/** The host cannot take another machine; the message says why and what to do. */
export class NoCapacity extends Error {
  override name = "NoCapacity";
}
