/** Everything that outlives the server: the contract, and stores that keep it. */
export type {
  EventQuery,
  EventRecord,
  EventStore,
  NetworkRecord,
  OrganisationRecord,
  SandboxRecord,
  SandboxStore,
  SealingStore,
  Store,
  TokenRecord,
  TokenStore,
} from "./contract.ts";
export { UniqueViolation } from "./driver.ts";
export { SqliteDriver } from "./sqlite.ts";
export { storeOn } from "./store.ts";
