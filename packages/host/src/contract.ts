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

/** What a new machine should be. */
export interface MachineSpec {
  /** The sandbox's id, unique on this host. */
  id: string;
  /** Absent: the host's default. */
  root?: RootSpec;
  /** 768 to 4096. */
  memoryMiB: number;
  /** Sandbox-wide environment. */
  env: Record<string, string>;
  /** What it may reach. Absent: nothing. */
  egress?: EgressSpec;
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

/** A machine that runs sandboxes. */
export interface Host {
  /** A machine ready for use: identity given, agent answering. Throws `NoCapacity` when memory does not suffice, `SpecError` for a spec that this host can never meet. */
  create(spec: MachineSpec, signal?: AbortSignal): Promise<Machine>;
  /**
   * Called once at start: takes over the machines with `keep` that a former process left running, among `ids`, and
   * removes every other machine, file and socket it left.
   */
  adopt(ids: string[]): Promise<Machine[]>;
  /**
   * Who gets the events of egress; called once, before any machine is made. They are given one after the other for each
   * machine; a machine whose events are not taken has to wait before it may do more.
   */
  watchEgress(listener: (id: string, event: EgressEvent) => Promise<void>): void;
  /** Resolves when a machine of the usual kind waits in the warm pool, or it is clear that none will. */
  ready(): Promise<void>;
  /** For `doctor`, logs and the dashboard. */
  info(): Promise<HostInfo>;
  /** Ends every machine (with `leaveKept`, all but those with `keep`) and the warm pool. */
  close(options?: { leaveKept?: boolean }): Promise<void>;
}

export interface HostInfo {
  acceleration: { kind: "kvm" | "tcg"; reason: string };
  /** Around each machine: `full` has namespaces, `minimal` does without. */
  jail: "full" | "minimal";
  versions: Record<string, string>;
  machines: number;
  /** In the warm pools: processes that wait, and clones that wait paused. */
  waiting: { processes: number; clones: number };
  memoryBudgetMiB: number;
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
