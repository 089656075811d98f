import type { Flow, Shared } from "./flow.ts";
import type { ConnectionRecord } from "./record.ts";

/** What belongs to one connection of a guest, from its first byte to its last. */
export interface ConnectionContext {
  flow: Flow;
  shared: Shared;
  record: ConnectionRecord;
  /** How many CONNECT requests it is nested in. */
  depth: number;
  /** Serves a connection that a CONNECT request opened within this one. */
  serve(flow: Flow, shared: Shared, depth: number): Promise<void>;
}
