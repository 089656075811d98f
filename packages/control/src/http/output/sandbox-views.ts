import type { SandboxDetail, SandboxMetadata } from "@sandkeep/protocol";
import type { SandboxRecord } from "@sandkeep/store";
import { egressView } from "../../egress/views.ts";
import type { Sandboxes } from "../../sandboxes/sandboxes.ts";

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));

/** As the official clients expect it in lists: camelCase, which the Python client converts itself. */
export function sandboxMetadata(record: SandboxRecord): SandboxMetadata {
  return {
    id: record.id,
    createdAt: iso(record.createdAt),
    stoppedAt: isoOrNull(record.stoppedAt),
    region: record.region,
    status: record.status,
    labels: record.labels,
  };
}

/** A sandbox with everything that is stored about it. */
export function sandboxDetail(
  record: SandboxRecord,
  sandboxes: Pick<Sandboxes, "connectionsOf" | "removedAt">,
): SandboxDetail {
  const paused = record.status === "paused";
  return {
    ...sandboxMetadata(record),
    memoryMiB: record.memoryMiB,
    stopAt: isoOrNull(paused ? sandboxes.removedAt(record) : record.stopAt),
    stopReason: record.stopReason,
    pausedAt: paused ? isoOrNull(record.pausedAt) : null,
    parent: record.parent,
    onIdle: record.onIdle,
    idleMs: record.idleMs,
    allowNet: record.network.allowNet,
    secrets: Object.keys(record.network.secrets),
    egress: egressView(record.network),
    connections: sandboxes.connectionsOf(record.id),
  };
}
