import type { Flow, Shared } from "./flow.ts";
import type { ConnectionRecord } from "./record.ts";

/** A connection on its way through. */
export interface Passage {
  flow: Flow;
  shared: Shared;
  record: ConnectionRecord;
  /** How deep in CONNECT requests it is. */
  depth: number;
  /** Serves a connection within this one. */
  serve(flow: Flow, shared: Shared, depth: number): Promise<void>;
}
