import type { EgressSpec } from "@sandkeep/egress";
import type { UsageCounters } from "@sandkeep/host";
import type { AttachedDisk, SandboxRecord } from "@sandkeep/store";

/** A paused sandbox of this server. */
export interface PausedSandbox {
  readonly record: SandboxRecord;
  readonly organisation: { id: string; slug: string };
  /** Id of the host that has it. */
  readonly host: string;
  readonly egress: EgressSpec;
  /** What its machines have used. */
  readonly usage: UsageCounters | null;
  /** The snapshot that is its root. */
  readonly attached: readonly AttachedDisk[];
  /** Gives its place among the organisation's paused sandboxes back. */
  leave(): void;
  /** What is being done with it, and when that is over. */
  busy: { what: string; over: Promise<unknown> } | null;
}
