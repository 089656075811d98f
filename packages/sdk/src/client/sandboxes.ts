import type { Region } from "../rest/region.ts";
import type { ConnectOptions, ResumeOptions, SandboxOptions } from "../sandbox/options.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** A sandbox in a list. */
export interface SandboxMetadata {
  /** Its id. */
  id: string;
  /** When it was created. */
  createdAt: Date;
  /** When it stopped; null while it runs. */
  stoppedAt: Date | null;
  /** Its region. */
  region: Region;
  /** Its status. */
  status: "running" | "paused" | "stopped";
  /** Its labels. */
  labels: Record<string, string>;
}

/** Which sandboxes to list. */
export interface SandboxesListOptions {
  /** Only sandboxes with all of these labels. */
  labels?: Record<string, string>;
}

/**
 * The sandboxes of an organisation.
 *
 * @example
 * ```ts
 * import { Client } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const client = new Client();
 * await using sandbox = await client.sandboxes.create({ labels: { purpose: "example" } });
 * const found = await client.sandboxes.list({ labels: { purpose: "example" } });
 * assert.ok(found.some(({ id, status }) => id === sandbox.id && status === "running"));
 * ```
 */
export interface Sandboxes {
  /** {@linkcode Sandbox.create} with this client's token, organisation and endpoint, unless the options name others. */
  create(options?: SandboxOptions): Promise<Sandbox>;
  /** {@linkcode Sandbox.connect} with this client's token, organisation and endpoint, unless the options name others. */
  connect(id: string, options?: ConnectOptions): Promise<Sandbox>;
  /** Sandkeep's own: {@linkcode Sandbox.resume} with this client's token, organisation and endpoint, unless the options name others. */
  resume(id: string, options?: ResumeOptions): Promise<Sandbox>;
  /** Lists the sandboxes, running, paused and stopped, newest first. Rejects with `ApiError` and `NetworkError`. */
  list(options?: SandboxesListOptions): Promise<SandboxMetadata[]>;
}
