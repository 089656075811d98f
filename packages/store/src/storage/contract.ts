/** A volume or a snapshot: a disk that outlives sandboxes. */
export interface DiskRecord {
  id: string;
  kind: DiskKind;
  organisation: string;
  /** Unique in the organisation, among volumes and snapshots, until it is deleted. */
  slug: string;
  region: string;
  /** Id of the host with its data. */
  host: string;
  capacityBytes: number;
  bootable: boolean;
  /** A volume's snapshot; null if it began empty or with an image. What a snapshot was taken from. */
  source: { id: string; slug: string } | null;
  state: DiskState;
  createdAt: number;
  deletedAt: number | null;
}

export type DiskKind = "volume" | "snapshot";

/**
 * - `creating`: its host may not have it yet. After a crash it is removed.
 * - `ready`: its host has it.
 * - `deleted`: nothing may use it; it can be restored.
 * - `removing`: its host is removing the data.
 */
export type DiskState = "creating" | "ready" | "deleted" | "removing";

/** What an organisation may have of one kind, and in bytes of capacity together. Those deleted count until their data is removed. */
export interface DiskLimits {
  number: number;
  bytes: number;
}

export interface DiskUsage {
  volumes: number;
  snapshots: number;
  /** Capacities of all of them. */
  bytes: number;
}

/** A disk that a sandbox uses. Until the sandbox has stopped, no other can use the same volume. */
export interface Attachment {
  disk: string;
  /** Null: as its root. */
  path: string | null;
  readOnly: boolean;
  /** Whether no other sandbox may use it: for volumes. */
  exclusive: boolean;
}

export interface AttachedDisk extends Attachment {
  sandbox: string;
  slug: string;
}

/** The disk after which a page continues. */
export interface DiskCursor {
  createdAt: number;
  id: string;
}

export interface DiskStore {
  /**
   * Records a disk as `creating`.
   *
   * @param owner Id of the control plane that creates it.
   * @param needs Id of the disk that it is made from, if that must be ready.
   * @throws {UniqueViolation} if its slug is taken
   * @throws {NothingChanged} if a limit would be exceeded, or what it needs is not ready
   */
  insert(record: DiskRecord, owner: string, limits: DiskLimits, needs?: string | null): Promise<void>;
  /**
   * The host has created it.
   *
   * @throws {NothingChanged} if it is no longer being created, or if it is larger than was reserved and a limit would be exceeded
   */
  setReady(
    id: string,
    facts: Pick<DiskRecord, "capacityBytes" | "bootable">,
    limits: Pick<DiskLimits, "bytes">,
  ): Promise<void>;
  /**
   * Reserves a larger capacity; a smaller one changes nothing.
   *
   * @throws {NothingChanged} if it is no longer ready, or a limit would be exceeded
   */
  setCapacity(id: string, capacityBytes: number, limits: Pick<DiskLimits, "bytes">): Promise<void>;
  /** Replaces a reserved capacity by the one that the host has, unless it has changed again. */
  correctCapacity(id: string, reserved: number, actual: number): Promise<void>;
  /** The ready one with this id or slug. */
  find(organisation: string, kind: DiskKind, idOrSlug: string): Promise<DiskRecord | null>;
  /** The last deleted one with this id or slug. */
  findDeleted(organisation: string, kind: DiskKind, idOrSlug: string): Promise<DiskRecord | null>;
  /** Newest first. */
  list(
    organisation: string,
    kind: DiskKind,
    options: { state: "ready" | "deleted"; search?: string; limit: number; after?: DiskCursor },
  ): Promise<DiskRecord[]>;
  usage(organisation: string): Promise<DiskUsage>;
  /** Volumes that were created from a snapshot, not deleted ones. */
  dependants(id: string): Promise<DiskRecord[]>;
  /** The revision of an app whose root it is, and the app's slug. */
  revisionOn(id: string): Promise<{ revision: string; app: string } | null>;
  /** Marks it as deleted, unless it is in use or something depends on it. Returns whether it did. */
  setDeleted(id: string, at: number): Promise<boolean>;
  /**
   * Makes a deleted one ready again. Returns whether it was deleted.
   *
   * @throws {UniqueViolation} if the slug is taken
   */
  restore(id: string, slug: string): Promise<boolean>;
  /** From now on it cannot be restored. Returns whether it was deleted. */
  setRemoving(id: string): Promise<boolean>;
  /** Forgets it: its host has no data of it. */
  remove(id: string): Promise<void>;
  /** On some hosts: those whose creation by `owner`, or by anybody before a time, was not finished; those being removed; those deleted before a time. */
  remains(
    hosts: readonly string[],
    options: { owner: string | null; createdBefore: number; deletedBefore: number },
  ): Promise<(DiskRecord & { organisationSlug: string })[]>;
  /** Ids of all disks on a host, in every state. */
  idsOn(host: string): Promise<string[]>;
  /** The capacities of all volumes on a host, in every state, bytes by id. */
  capacitiesOn(host: string): Promise<Map<string, number>>;

  /**
   * Records that a running sandbox uses a disk.
   *
   * @throws {UniqueViolation} if another sandbox uses it
   * @throws {NothingChanged} if it is not ready
   */
  attach(sandbox: string, attachment: Attachment): Promise<void>;
  detach(sandbox: string, disk: string): Promise<void>;
  /** What a sandbox uses. */
  attachedTo(sandbox: string): Promise<AttachedDisk[]>;
  /** Which sandboxes use these disks. */
  attachments(disks: readonly string[]): Promise<AttachedDisk[]>;
}
