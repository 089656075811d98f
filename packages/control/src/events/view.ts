import type { SandboxEvent } from "@sandkeep/protocol";
import type { EventRecord } from "@sandkeep/store";

/** An event as the API gives it. */
export function eventView(
  { id, time, sandbox, actor, kind, outcome, data }: EventRecord,
  organisationSlug: string,
): SandboxEvent {
  return {
    id,
    time: new Date(time).toISOString(),
    org: organisationSlug,
    sandbox,
    actor,
    kind,
    outcome,
    data,
  } as SandboxEvent;
}
