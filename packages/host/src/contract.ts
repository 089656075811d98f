/**
 * The host's contract: what the control plane may ask of a computer that runs sandboxes. It consists of plain data and
 * byte streams, so that a host can later be reached over a network.
 */
import type { Duplex } from "node:stream";
import type { EgressEvent, EgressSpec } from "@sandkeep/egress";
import type { GuestCalls, GuestStreams } from "./guest/contract.ts";
import type { DiskFacts, Storage } from "./storage/contract.ts";

export * from "./storage/contract.ts";

/** The root file system of a machine. */
export type RootSpec =
  /** Id of a guest image on the host. What the machine writes is deleted with it. */
  | { image: string }
  /** Id of a bootable snapshot, for any number of machines. What they write is deleted with them. */
  | { snapshot: string }
  /** Id of a bootable volume, which keeps what the machine writes. One machine has it at a time. */
  | { volume: string };

/** A disk of a machine in addition to its root. */
export interface DiskSpec {
  /** Name within the machine: at most 20 of a–z, 0–9 and `-`. */
  id: string;
  /** Id of the volume. */
  volume: string;
  /** The machine sees the volume's content and cannot change it. Nobody else can have the volume meanwhile either. */
  readOnly: boolean;
  /** Absolute path in the guest where its file system is mounted. */
  mount: string;
}

/** Counters that only grow while a machine runs. */
export interface UsageCounters {
  /** Processor time of the machine and its monitor, in seconds. */
  cpuSeconds: number;
  /** Allocated memory multiplied by running time, in MiB × seconds. */
  memoryMiBSeconds: number;
  /** Bodies of ended requests and bytes of ended connections, in bytes, as the guest sent and received them. */
  egressBytesUp: number;
  egressBytesDown: number;
}

/** What a machine has used. */
export interface MachineUsage extends UsageCounters {
  /** Memory it holds now, without what it shares with its template, in bytes. 0 after it has ended. */
  memoryBytes: number;
}

/** How to make a new machine. */
export interface MachineSpec {
  /** The sandbox's id, unique on this host. */
  id: string;
  /** Id of the control plane that owns the machine, and may take it over after a restart. */
  owner: string;
  /** Default: the host's default root. */
  root?: RootSpec;
  /** 768 to 4096. */
  memoryMiB: number;
  /** Sandbox-wide environment. */
  env: Record<string, string>;
  /** What it may reach. Default: nothing. */
  egress?: EgressSpec;
  /** Disks besides the root, at most 8. Default: none. */
  disks?: DiskSpec[];
  /** What the sandbox used in earlier machines; counting continues from there. Default: nothing. */
  usage?: UsageCounters;
  /** If set, {@link Host.adopt} keeps the machine when the control plane dies; otherwise the machine is removed. */
  keep: boolean;
}

/** How to make a child of a machine. What is not said here is as in the parent, as of now. */
export interface ForkSpec {
  /** The child's sandbox id, unique on this host. */
  id: string;
  owner: string;
  /** Variables to set in addition to the parent's: those that differ. */
  env: Record<string, string>;
  egress?: EgressSpec;
  usage?: UsageCounters;
  keep: boolean;
}

/** How a paused machine goes on. */
export interface ResumeSpec {
  /** The sandbox's id. */
  id: string;
  owner: string;
  egress?: EgressSpec;
  usage?: UsageCounters;
  keep: boolean;
}

/** Why a machine ended. */
export type MachineExit =
  | { reason: "destroyed" }
  /** {@link Host.pause}: it can be resumed. */
  | { reason: "paused" }
  /** The guest powered off or restarted itself. */
  | { reason: "powered-off" }
  /** The virtual machine monitor exited on its own; `detail` is for the operator. */
  | { reason: "crashed"; detail: string }
  /** The guest broke its contract; `detail` is for the operator. */
  | { reason: "garbage"; detail: string };

/** A running microVM. */
export interface Machine {
  readonly id: string;
  readonly guest: Guest;
  /** Resolves when everything of the machine is gone: process, disk, sockets. */
  readonly exited: Promise<MachineExit>;
  /** Changes {@link MachineSpec.keep}; durable when this resolves. */
  setKeep(keep: boolean): Promise<void>;
  /** Its disks besides the root, as they are now. */
  readonly disks: readonly DiskSpec[];
  /**
   * Gives it a volume and mounts that.
   *
   * @throws {DiskError}
   * @throws {GuestError} if it cannot be mounted; the machine does not have it then
   */
  attach(disk: DiskSpec): Promise<void>;
  /**
   * Unmounts a disk and takes it away.
   *
   * @param id the disk's name within the machine
   * @param options.force also if programs use it, whose files fail then
   * @throws {GuestError} `EBUSY` if programs use it
   */
  detach(id: string, options?: { force?: boolean }): Promise<void>;
  /**
   * Makes a bootable snapshot of its root as it is now: frozen for a moment, whatever its size.
   *
   * @throws {DiskError}
   */
  snapshotRoot(snapshot: string): Promise<DiskFacts>;
  /** Changes what it may reach. In force when this resolves, also on open connections. */
  setEgress(spec: EgressSpec): Promise<void>;
  /**
   * What it has used so far, or until it ended. Counters survive a restart of the host, except for the last second of
   * egress.
   */
  usage(): Promise<MachineUsage>;
  /** Ends it immediately. Resolves when everything of it is gone. */
  destroy(): Promise<void>;
}

/** The agent in a machine. Rejects with `GuestError` if the agent refuses, and with `GuestGone` if the machine ends. */
export interface Guest {
  call<M extends keyof GuestCalls>(
    method: M,
    params: GuestCalls[M][0],
    signal?: AbortSignal,
  ): Promise<GuestCalls[M][1]>;
  /**
   * Resolves with the stream once the params are being sent; the duplex carries the bytes after the prefix messages.
   */
  stream<M extends keyof GuestStreams>(
    method: M,
    params: GuestStreams[M][0],
    signal?: AbortSignal,
  ): GuestStream<GuestStreams[M][1]>;
  /**
   * Reports that a reader of a stream's bytes found a violation of the contract, which ends the machine. `detail` is
   * for the operator.
   */
  violation(detail: string): void;
}

/** A duplex of the raw bytes of both bodies. Destroying it resets the HTTP/2 stream. */
export interface GuestStream<Head> extends Duplex {
  /** The head, or the agent's refusal. For methods whose head follows the request body, end the stream first. */
  readonly head: Promise<Head>;
}

/** An egress event for the control plane. */
export interface EgressRecord {
  /** Id of the machine. */
  machine: string;
  /** Increases with every event of a stream, across machines. */
  sequence: number;
  event: EgressEvent;
}

export interface EgressBatch {
  /** Sequence numbers are valid within one stream; a restarted host begins a new one. */
  stream: string;
  records: EgressRecord[];
}

/** A computer that runs machines. */
export interface Host {
  /** Unique to this host, and unchanged by restarts. */
  readonly id: string;
  readonly storage: Storage;
  /**
   * Creates a machine that is ready for use: identity set, agent answering. Throws `NoCapacity` if memory does not
   * suffice, `SpecError` for a spec that this host can never meet, and `DiskError` for a disk that it cannot have.
   */
  create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine>;
  /**
   * Makes children of a running machine: with its processes, memory and disk as of one moment, for all the same, in which
   * the machine is paused. Each child has an identity of its own before any of its processes goes on, and none of the
   * parent's connections. Either all children come to be, or none. Throws {@link ForkError} and `NoCapacity`.
   */
  fork(machine: string, specs: ForkSpec[]): Promise<Machine[]>;
  /**
   * Writes a machine to disk and ends it, so that it uses no memory. Durable when this resolves. Throws
   * {@link ForkError}.
   */
  pause(machine: string): Promise<void>;
  /**
   * Lets a paused machine go on, also in a later process of the host. If it fails, the machine is still paused. Throws
   * {@link ForkError} and `NoCapacity`.
   */
  resume(spec: ResumeSpec): Promise<Machine>;
  /** Ids of an owner's paused machines, and of those that cannot be read, so that nobody knows whose they are. */
  paused(owner: string): Promise<string[]>;
  /** Removes a paused machine, if there is one. */
  removePaused(id: string): Promise<void>;
  /**
   * Called by a control plane when it starts. Takes over the machines among `ids` that have `keep`, including those
   * that an earlier process of the host left running, and removes that owner's other machines. Machines of other owners
   * are unaffected.
   *
   * Paused machines stay; `from`'s become `owner`'s. A machine that was being paused or resumed when the host was killed
   * either runs or is {@link Host.paused}, never both and never neither. So `ids` should include those that are thought to
   * be paused.
   *
   * @param owner new owner of the machines
   * @param from previous owner, if that was another control plane; default `owner`
   */
  adopt(owner: string, ids: string[], from?: string): Promise<Machine[]>;
  /**
   * Egress events of an owner's machines: first the unacknowledged ones, then new ones as they occur, all in the order
   * of their sequence numbers. An owner has one reader: the iteration ends when another begins or the signal is aborted.
   *
   * A machine with 256 unacknowledged events is held up until some are acknowledged. A reader that reconnects receives
   * unacknowledged events again, with the same sequence numbers.
   */
  egressEvents(owner: string, signal?: AbortSignal): AsyncIterable<EgressBatch>;
  /** All events of the machine up to this sequence number are stored, and are not sent again. */
  acknowledgeEgress(owner: string, machine: string, sequence: number): Promise<void>;
  /** Resolves when a machine of the usual kind waits in the warm pool, or once it is clear that none will. */
  ready(): Promise<void>;
  /** For `doctor`, logs and the dashboard. */
  info(): Promise<HostInfo>;
  /** Ends the warm pool and every machine; with `leaveKept`, except those with `keep`. */
  close(options?: { leaveKept?: boolean }): Promise<void>;
}

export interface HostInfo {
  id: string;
  acceleration: { kind: "kvm" | "tcg"; reason: string };
  /** The jail around each machine: `full` uses namespaces, `minimal` does not. */
  jail: "full" | "minimal";
  versions: Record<string, string>;
  machines: number;
  /** In the warm pools: waiting processes, paused clones, and how many of these are hot. */
  waiting: { processes: number; clones: number; hot: number };
  memoryBudgetMiB: number;
  /** Memory for further machines, including what the warm pools would give back, in MiB. */
  freeMemoryMiB: number;
}

/** The agent refused or failed an operation; `object` may be shown to clients. */
export class GuestError extends Error {
  override name = "GuestError";
  readonly object: import("./guest/contract.ts").GuestErrorObject;
  constructor(object: import("./guest/contract.ts").GuestErrorObject) {
    super(object.message);
    this.object = object;
  }
}

/** The machine ended before or during the operation. */
export class GuestGone extends Error {
  override name = "GuestGone";
}

export type ForkErrorCode =
  /** No such machine runs, or it ended meanwhile; none is paused. */
  | "UNKNOWN_MACHINE"
  | "NOT_PAUSED"
  /** Too many children, or an id that is taken or cannot be used. */
  | "INVALID_FORK"
  /** Made by an earlier version of the server, or forked and paused too often. */
  | "NOT_FORKABLE"
  /** It has volumes. */
  | "HAS_VOLUMES"
  /** Paused by another version of the engine. */
  | "CANNOT_RESUME";

/** A machine cannot be forked, paused or resumed; the message says why and what to do. */
export class ForkError extends Error {
  override name = "ForkError";
  readonly code: ForkErrorCode;

  constructor(code: ForkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The host cannot run another machine; the message says why and what to do. */
export class NoCapacity extends Error {
  override name = "NoCapacity";
}
