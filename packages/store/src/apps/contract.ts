import type {
  AppConfig,
  BuildLog,
  FailureReason,
  Labels,
  RequestRule,
  RevisionProgress,
  RevisionStatus,
} from "@sandkeep/protocol";

/** A variable of an app or a layer. */
export interface EnvVarRecord {
  id: string;
  key: string;
  /** Of a secret: sealed, with the id. */
  value: string;
  secret: boolean;
  contexts: "all" | string[];
  /** Of a secret: the program gets a placeholder, and the value leaves for these hosts only. */
  hosts?: string[];
}

export interface Reference {
  id: string;
  slug: string;
}

export interface LayerRecord {
  id: string;
  organisation: string;
  slug: string;
  description: string | null;
  /** Layers that it includes, in order. */
  layers: Reference[];
  envVars: EnvVarRecord[];
  createdAt: number;
  updatedAt: number;
}

export interface AppRecord {
  id: string;
  organisation: string;
  /** Unique among all organisations, and among the names of doors. */
  slug: string;
  labels: Labels;
  envVars: EnvVarRecord[];
  config: AppConfig;
  layers: Reference[];
  createdAt: number;
  updatedAt: number;
}

/** Place after which a page continues: lists of apps and layers are ordered by their last change, the newest first. */
export interface UpdatedCursor {
  updatedAt: number;
  id: string;
}

interface ListOptions {
  limit: number;
  after?: UpdatedCursor;
}

export interface LayerStore {
  /**
   * @throws {UniqueViolation} if its slug is taken
   * @throws {NothingChanged} if the organisation has `limit` already, a layer that it includes is gone, or more than `depth` layers
   * would be in a chain
   */
  insert(layer: LayerRecord, limit: number, depth: number): Promise<void>;
  find(organisation: string, idOrSlug: string): Promise<LayerRecord | null>;
  list(organisation: string, options: ListOptions & { search?: string }): Promise<LayerRecord[]>;
  /**
   * Replaces everything that changes.
   *
   * @param seen `updatedAt` of the record that was read
   * @throws {UniqueViolation} if its slug is taken
   * @throws {NothingChanged} if it has changed since or is gone, a layer that it includes is gone, or more than `depth` layers would be
   * in a chain or in a circle
   */
  update(layer: LayerRecord, seen: number, depth: number): Promise<void>;
  count(organisation: string): Promise<number>;
  /** Which layers of an organisation include which others, in order. */
  inclusions(organisation: string): Promise<(Reference & { layer: string })[]>;
  /** Returns whether it was there and nothing used it. */
  remove(id: string): Promise<boolean>;
  /** How many apps use each of these layers themselves. */
  appCounts(ids: readonly string[]): Promise<Map<string, number>>;
  /** The apps that use a layer themselves, by id, with its place among theirs. */
  apps(
    id: string,
    options: { limit: number; after?: string },
  ): Promise<{ id: string; slug: string; position: number }[]>;
}

export interface AppStore {
  readonly layers: LayerStore;
  readonly revisions: RevisionStore;
  readonly logs: AppLogStore;
  /**
   * @throws {UniqueViolation} if its slug is taken
   * @throws {NothingChanged} if the organisation has `limit` already, or one of its layers is gone
   */
  insert(app: AppRecord, limit: number): Promise<void>;
  find(organisation: string, idOrSlug: string): Promise<AppRecord | null>;
  count(organisation: string): Promise<number>;
  /** Those that have all of the labels, and the layer with this id. */
  list(organisation: string, options: ListOptions & { labels?: Labels; layer?: string }): Promise<AppRecord[]>;
  /** As for layers. */
  update(app: AppRecord, seen: number): Promise<void>;
  /** Removes an app with its timelines and logs, and marks its revisions as deleted. Returns whether it was there. */
  remove(id: string, at: number): Promise<boolean>;
}

/** What a revision is made of. It never changes. */
export interface RevisionSpec {
  labels: Labels;
  layers: Reference[];
  /** Variables of this revision only. */
  envVars: { key: string; value: string }[];
  config: AppConfig;
  /** Directory in its root. */
  path: string;
  entrypoint: string;
  args: string[];
  memoryMiB: number;
  /** What its instances may reach. */
  policy: { allow: string[] | null; deny: string[]; rules: RequestRule[] };
  /** Timelines that lead to it when it has been deployed. */
  targets: { slug: string; context: string }[];
}

export interface RevisionRecord {
  id: string;
  organisation: string;
  app: string;
  owner: string;
  status: RevisionStatus;
  failureReason: FailureReason | null;
  retention: "auto" | "indefinite";
  spec: RevisionSpec;
  /** Id of the snapshot with its root. */
  disk: string | null;
  progress: RevisionProgress;
  createdAt: number;
  cancellationRequestedAt: number | null;
  buildFinishedAt: number | null;
  deletedAt: number | null;
}

/** How a deployment goes on: all that it has said so far, of which the store adds what it does not have yet. */
type Step<Field extends keyof RevisionRecord> = Pick<RevisionRecord, "id" | "progress" | Field> & {
  buildLog: readonly BuildLog[];
};

/** What an address of an app leads to. */
export interface TimelineRecord {
  app: Reference;
  organisation: Reference;
  slug: string;
  context: string;
  revision: string;
  previous: string | null;
  /** Since when it leads there. */
  since: number;
}

export interface RevisionStore {
  /** @throws {NothingChanged} if the app is gone */
  insert(revision: RevisionRecord): Promise<void>;
  /** Also one that is deleted, while its app exists. */
  find(organisation: string, id: string): Promise<RevisionRecord | null>;
  /** Newest first, without those that are deleted. */
  list(
    app: string,
    options: { status?: RevisionStatus; limit: number; after?: { createdAt: number; id: string } },
  ): Promise<RevisionRecord[]>;
  /** While it is being deployed. @throws {NothingChanged} if it is not */
  setProgress(revision: Step<"status" | "disk">): Promise<void>;
  /** Returns whether it was being deployed. */
  requestCancellation(id: string, at: number): Promise<boolean>;
  setRetention(id: string, retention: RevisionRecord["retention"]): Promise<void>;
  /**
   * It is deployed: its timelines lead to it from now on, all at once.
   *
   * @throws {NothingChanged} if it was not being deployed, was cancelled, or its app is gone
   */
  succeed(revision: Step<"app" | "spec">, at: number): Promise<void>;
  /** Nothing leads to it. Returns whether it was being deployed. */
  fail(revision: Step<never>, reason: FailureReason, at: number): Promise<boolean>;
  /** What its deployment said, after so many lines. */
  buildLog(id: string, after?: number): Promise<BuildLog[]>;
  /** Lets a timeline lead to another revision of its app. @throws {NothingChanged} if that was not deployed, or is deleted */
  lead(app: string, slug: string, revision: string, at: number): Promise<void>;
  /** Of an app, or those that lead to a revision. */
  timelines(of: { app: string } | { revision: string }): Promise<TimelineRecord[]>;
  /** Of all apps. */
  allTimelines(): Promise<TimelineRecord[]>;
  /** With the timelines of its previews. Returns whether it was there, is not being deployed, and production does not lead to it. */
  setDeleted(id: string, at: number): Promise<boolean>;
  /** Those of an owner that are being deployed. */
  unfinished(owner: string): Promise<RevisionRecord[]>;
  /**
   * Deletes the deployed revisions of an app beyond the newest `keep`, unless production leads or led to them, or somebody wants them
   * kept. Returns how many.
   */
  deleteSuperfluous(app: string, keep: number, at: number): Promise<number>;
  /** Failed and deleted ones that have a disk still. */
  withUselessDisk(): Promise<{ id: string; organisation: Reference; disk: string }[]>;
  /** The disk of a failed or deleted one is gone. */
  dropDisk(id: string): Promise<void>;
  /** Removes what is stored of an app's failed and deleted revisions beyond the newest `keep`, and of those whose app is gone. */
  forget(app: string | null, keep: number): Promise<void>;
}

export interface AppLogRecord {
  /** Increases. */
  id: number;
  revision: string;
  time: number;
  level: "debug" | "info" | "warn" | "error";
  message: string;
}

export interface AppLogQuery {
  /** Inclusive and exclusive. */
  since: number;
  until?: number;
  levels?: readonly AppLogRecord["level"][];
  revision?: string;
  text?: string;
  after?: { time: number; id: number };
  limit: number;
}

export interface AppLogStore {
  /** Lines of apps that are gone are dropped. */
  append(lines: readonly (Omit<AppLogRecord, "id"> & { app: string })[]): Promise<void>;
  /** Oldest first. */
  list(app: string, query: AppLogQuery): Promise<AppLogRecord[]>;
  /** Deletes the oldest lines of an app above so many, and above so many bytes in all. Returns how many. */
  prune(app: string, keep: { lines: number; bytes: number }): Promise<number>;
}
