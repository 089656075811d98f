/** Everything that outlives the server: the contract of the store, and how to open one. */
export type {
  AppLogQuery,
  AppLogRecord,
  AppLogStore,
  AppRecord,
  AppStore,
  EnvVarRecord,
  LayerRecord,
  LayerStore,
  Reference,
  RevisionRecord,
  RevisionSpec,
  RevisionStore,
  TimelineRecord,
  UpdatedCursor,
} from "./apps/contract.ts";
export type {
  EventQuery,
  EventRecord,
  EventStore,
  KeptEgress,
  KeptUsage,
  NetworkRecord,
  OrganisationRecord,
  RunningSandbox,
  SandboxLease,
  SandboxRecord,
  SandboxStatus,
  SandboxStore,
  SealingStore,
  Store,
  TokenRecord,
  TokenStore,
} from "./contract.ts";
export { NothingChanged, UniqueViolation } from "./contract.ts";
export type { DoorKind, DoorRecord, DoorStore } from "./doors/contract.ts";
export { openStore, type StoreLocation } from "./open.ts";
export type {
  AttachedDisk,
  Attachment,
  DiskKind,
  DiskLimits,
  DiskRecord,
  DiskState,
  DiskStore,
  DiskUsage,
} from "./storage/contract.ts";
