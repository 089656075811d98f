import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { BuildLog, RevisionProgress } from "@sandkeep/protocol";
import type { RevisionRecord } from "@sandkeep/store";
import type { Services } from "../env.ts";

/** How often the store is asked, milliseconds: another control plane may be deploying the revision. */
const LOOK_EVERY_MS = 1_000;

/** A revision as it is now, and after every change until its deployment has ended. */
async function* revisionSteps(
  { apps, closing }: Pick<Services, "apps" | "closing">,
  { id, organisation }: Pick<RevisionRecord, "id" | "organisation">,
  over: AbortSignal,
): AsyncGenerator<RevisionRecord> {
  const signal = AbortSignal.any([closing, over]);
  while (!signal.aborted) {
    // Before the store is read, so that no change is missed.
    const changed = apps.deployments.of(id)?.changed;
    const revision = await apps.context.store.revisions.find(organisation, id);
    if (!revision) return;
    yield revision;
    if (revision.status !== "queued" && revision.status !== "building") return;
    const waiting = new AbortController();
    const wait = delay(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([signal, waiting.signal]) }).catch(() => {});
    await Promise.race([wait, ...(changed ? [changed] : [])]);
    waiting.abort();
  }
}

/** How far a deployment is, and then each change of that until it has ended. */
export async function* progressSteps(
  services: Pick<Services, "apps" | "closing">,
  revision: Pick<RevisionRecord, "id" | "organisation">,
  over: AbortSignal,
): AsyncGenerator<RevisionProgress> {
  let last: RevisionProgress | null = null;
  for await (const { progress } of revisionSteps(services, revision, over)) {
    if (!isDeepStrictEqual(progress, last)) yield progress;
    last = progress;
  }
}

/** What a deployment has said so far, and then what it says until it has ended. */
export async function* buildLines(
  services: Pick<Services, "apps" | "closing">,
  revision: Pick<RevisionRecord, "id" | "organisation">,
  over: AbortSignal,
): AsyncGenerator<BuildLog[]> {
  let count = 0;
  for await (const { id } of revisionSteps(services, revision, over)) {
    const lines = await services.apps.context.store.revisions.buildLog(id, count);
    count += lines.length;
    yield lines;
  }
}
