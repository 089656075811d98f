import type { Actor, Labels, OnIdle, Outcome, RequestRule, Scope, StopReason } from "@sandkeep/protocol";
import type { AppStore } from "./apps/contract.ts";
import type { DoorStore } from "./doors/contract.ts";
import type { Attachment, DiskStore } from "./storage/contract.ts";

/** Everything that outlives the server. Times are milliseconds since 1970. When a write resolves, it has reached the disk. */
export interface Store extends AsyncDisposable {
  readonly organisations: OrganisationStore;
  readonly tokens: TokenStore;
  readonly sandboxes: SandboxStore;
  readonly disks: DiskStore;
  readonly doors: DoorStore;
  readonly apps: AppStore;
  readonly events: EventStore;
  readonly sealing: SealingStore;
}

/** Tells whether a control plane's key of secrets is still the one with which it sealed them. */
export interface SealingStore {
  /** A value sealed with the control plane's key; null before the first. */
  probe(owner: string): Promise<string | null>;
  setProbe(owner: string, sealed: string): Promise<void>;
}

export interface OrganisationRecord {
  id: string;
  slug: string;
  name: string;
  createdAt: number;
}

export interface OrganisationStore {
  /** @throws {UniqueViolation} if the slug is taken */
  insert(record: OrganisationRecord): Promise<void>;
  findBySlug(slug: string): Promise<OrganisationRecord | null>;
  list(): Promise<OrganisationRecord[]>;
}

export interface TokenRecord {
  id: string;
  organisation: { id: string; slug: string };
  name: string;
  prefix: string;
  scope: Scope;
  createdAt: number;
  lastUsedAt: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
}

export interface TokenStore {
  insert(record: TokenRecord, hash: string): Promise<void>;
  findByHash(hash: string): Promise<TokenRecord | null>;
  /** Of one organisation, or of any; null if it has none with this id. */
  find(organisation: string | null, id: string): Promise<TokenRecord | null>;
  /** Of one organisation, or of all; oldest first. */
  list(organisation: string | null): Promise<TokenRecord[]>;
  /** Null if there is none with this id. Revoking it again keeps the first time. */
  revoke(organisation: string | null, id: string, at: number): Promise<TokenRecord | null>;
  /** Records when tokens were last used. */
  touch(lastUsed: ReadonlyMap<string, number>): Promise<void>;
}

/** What everybody in the organisation may see of a sandbox's network, also after it has stopped. Contains nothing of a secret's value. */
export interface NetworkRecord {
  allowNet: string[] | null;
  deny: string[];
  rules: RequestRule[];
  secrets: Record<string, { hosts: string[]; in: "body"[] }>;
}

export type SandboxStatus = "running" | "paused" | "stopped";

export interface SandboxRecord {
  id: string;
  organisation: string;
  region: string;
  status: SandboxStatus;
  memoryMiB: number;
  createdAt: number;
  /** Null: a session. */
  stopAt: number | null;
  stoppedAt: number | null;
  stopReason: StopReason | null;
  /** Since when it is paused, or was when it ended. */
  pausedAt: number | null;
  /** The sandbox that it was forked from. */
  parent: string | null;
  onIdle: OnIdle;
  idleMs: number | null;
  labels: Labels;
  network: NetworkRecord;
}

/**
 * What a sandbox may reach, as its host is told it, with secrets sealed: kept as JSON while the sandbox runs, so that it survives a
 * restart of the server. The store does not look into it.
 */
export type KeptEgress = object;

/**
 * Where a sandbox's machine is, and which control plane owns it. The owner renews its leases. When they expire, another
 * control plane with the same host may take the sandboxes over.
 */
export interface SandboxLease {
  /** Id of the host. */
  host: string;
  /** Id of the control plane. */
  owner: string;
  /** By the owner's clock. */
  expiresAt: number;
}

/** Counters of a sandbox's machines so far, as their host gave them. The store does not look into it. */
export type KeptUsage = object;

/** A running or paused sandbox, with what is stored for its next machine or control plane. */
export interface RunningSandbox {
  record: SandboxRecord;
  slug: string;
  host: string;
  egress: KeptEgress | null;
  usage: KeptUsage | null;
  /** Since when it is being paused, epoch milliseconds. */
  pausingAt: number | null;
}

/** The sandbox after which a page continues. */
export interface SandboxCursor {
  createdAt: number;
  id: string;
}

/** Changes are the owner's: none has an effect once another control plane has taken the sandbox over. */
export interface SandboxStore {
  /**
   * @param egress Null for a sandbox that does not survive a restart.
   * @param disks What it uses, until it has stopped.
   * @throws {UniqueViolation} if another sandbox uses one of them
   * @throws {NothingChanged} if one of them is not ready
   */
  insert(
    record: SandboxRecord,
    lease: SandboxLease,
    egress: KeptEgress | null,
    disks?: readonly Attachment[],
  ): Promise<void>;
  /** Deletes a sandbox that was never created. */
  remove(owner: string, id: string): Promise<void>;
  find(organisation: string, id: string): Promise<SandboxRecord | null>;
  /** Newest first; those that have all of the labels. */
  list(
    organisation: string,
    options: { labels?: Labels; status?: SandboxStatus; limit?: number; after?: SandboxCursor },
  ): Promise<SandboxRecord[]>;
  /** Running and paused sandboxes of an owner, of every organisation. */
  running(owner: string): Promise<RunningSandbox[]>;
  /** Ids of the running and paused sandboxes on a host, of every owner. */
  idsOn(host: string): Promise<string[]>;
  /** Extends the leases of an owner's running and paused sandboxes. Returns their ids. */
  renewLeases(owner: string, expiresAt: number): Promise<string[]>;
  /** Gives running sandboxes without an owner, as earlier versions recorded them, to the first caller. */
  claimUnowned(lease: SandboxLease): Promise<number>;
  /** Running and paused sandboxes on these hosts with an expired lease of another owner. */
  expired(owner: string, hosts: readonly string[], now: number): Promise<{ id: string; owner: string; host: string }[]>;
  /**
   * Takes over sandboxes on one host whose lease of another owner has expired. Returns their number; of several
   * callers, one gets them.
   */
  takeOver(from: string, lease: SandboxLease, now: number): Promise<number>;
  /** @param egress As for `insert`: sandboxes with a stop time survive a restart. */
  setStopAt(owner: string, id: string, stopAt: number, egress: KeptEgress): Promise<void>;
  /** @param egress As for `insert`; null deletes what was kept. */
  setNetwork(owner: string, id: string, network: NetworkRecord, egress: KeptEgress | null): Promise<void>;
  /**
   * Before its machine is paused: whatever happens then, the pause can be finished, and the sandbox resumed.
   *
   * @throws {NothingChanged} if it is not running, or not the owner's
   */
  setPausing(owner: string, id: string, at: number, egress: KeptEgress, usage: KeptUsage): Promise<void>;
  /** After a pause that failed: a session keeps nothing again. */
  setNotPaused(owner: string, id: string): Promise<void>;
  /**
   * Returns whether it was running or being paused, and the owner's.
   *
   * @param usage null: what is stored already
   */
  setPaused(owner: string, id: string, at: number, usage: KeptUsage | null): Promise<boolean>;
  /** @param egress As for `insert`. Returns whether it was paused, and the owner's. */
  setResumed(owner: string, id: string, stopAt: number | null, egress: KeptEgress | null): Promise<boolean>;
  /** Also deletes its secrets, releases its disks and closes its doors. Returns whether it was running or paused, and the owner's. */
  setStopped(owner: string, id: string, at: number, reason: StopReason): Promise<boolean>;
  /** Deletes those that stopped before then. */
  prune(stoppedBefore: number): Promise<number>;
}

export interface EventRecord {
  id: string;
  time: number;
  /** Id of the organisation. */
  organisation: string;
  sandbox: string | null;
  kind: string;
  outcome: Outcome;
  actor: Actor;
  data: unknown;
}

export interface EventQuery {
  organisation: string;
  sandbox?: string;
  kinds?: string[];
  /** Times, inclusive and exclusive. */
  since?: number;
  until?: number;
  /** Ids: strictly after, strictly before. */
  after?: string;
  before?: string;
  order: "newest-first" | "oldest-first";
  limit: number;
}

export interface EventStore {
  append(events: readonly EventRecord[]): Promise<void>;
  list(query: EventQuery): Promise<EventRecord[]>;
  /** Deletes those before a time and, per organisation, the oldest above a number. */
  prune(options: { before: number; keep: number }): Promise<number>;
  /** Deletes the oldest egress events of a sandbox above a number. */
  pruneEgress(sandbox: string, keep: number): Promise<number>;
}

/** A condition of the write did not hold, so it changed nothing. */
export class NothingChanged extends Error {
  override name = "NothingChanged";
}

/** A record would repeat a value that must be unique, such as a slug. */
export class UniqueViolation extends Error {
  override name = "UniqueViolation";
}
