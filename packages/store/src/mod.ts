/** Everything that outlives the server: the contract of what is kept, and how a store is opened. */
export type {
  EventQuery,
  EventRecord,
  EventStore,
  KeptEgress,
  NetworkRecord,
  OrganisationRecord,
  RunningSandbox,
  SandboxLease,
  SandboxRecord,
  SandboxStore,
  SealingStore,
  Store,
  TokenRecord,
  TokenStore,
} from "./contract.ts";
export { UniqueViolation } from "./contract.ts";
export { openStore, type StoreLocation } from "./open.ts";
