import type { Sandbox } from "../sandboxes/sandbox.ts";

/** The running sandboxes of this server, for what makes new ones of old ones. */
export interface SandboxTable {
  /**
   * Counts one more sandbox of an organisation; returns a function that takes that back.
   *
   * @throws {ApiError} `CONCURRENCY_LIMIT`
   */
  enter(organisation: string): () => void;
  /** Adds a running sandbox. When it has ended, `leave` is called. */
  take(sandbox: Sandbox, leave: () => void): void;
  /** Work that must be finished before the server stops. @throws {ApiError} `SHUTTING_DOWN` */
  busy<Result>(work: () => Promise<Result>): Promise<Result>;
}
