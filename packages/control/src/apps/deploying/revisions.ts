import { ApiError, type Production, type Revision, type Timeline } from "@sandkeep/protocol";
import { NothingChanged, type RevisionRecord, type TimelineRecord } from "@sandkeep/store";
import type { Owner } from "../../auth/authenticator.ts";
import type { Addresses } from "../../doors/addresses.ts";
import { type AppsContext, findApp, publish, shown } from "../context.ts";
import { PRODUCTION, timelineName } from "../running/app-doors.ts";
import { iso, isoOrNull } from "../views.ts";
import type { DeploymentContext } from "./deployment.ts";

/** @throws {ApiError} `REVISION_NOT_FOUND` */
export async function findRevision(
  { store }: Pick<AppsContext, "store">,
  id: string,
  { organisation }: Pick<Owner, "organisation">,
): Promise<RevisionRecord> {
  const revision = await store.revisions.find(organisation.id, id);
  if (!revision) throw new ApiError("REVISION_NOT_FOUND", `There is no revision ${shown(id)}.`);
  return revision;
}

/** Deletes a revision, with its disk. @throws {ApiError} `REVISION_NOT_FOUND`, `REVISION_IN_USE` */
export async function deleteRevision(context: DeploymentContext, id: string, owner: Owner): Promise<void> {
  const { store, doors } = context;
  const { app, deletedAt } = await findRevision(context, id, owner);
  if (deletedAt !== null) return;
  const { slug } = await findApp(context, app, owner);
  if (!(await store.revisions.setDeleted(id, Date.now()))) throw new ApiError("REVISION_IN_USE");
  await doors.refresh(app);
  publish(context, owner, { kind: "revision.deleted", outcome: "ok", data: { app, slug, revision: id } });
}

/** Lets production lead to another revision, by default to the one before. @throws {ApiError} */
export async function rollBack(
  context: DeploymentContext,
  idOrSlug: string,
  wanted: string | undefined,
  owner: Owner,
): Promise<Production> {
  const { store, doors } = context;
  const app = await findApp(context, idOrSlug, owner);
  const before = await productionOf(context, app.id);
  const revision = wanted ?? before?.previous;
  if (!before || !revision)
    throw new ApiError("CANNOT_ROLL_BACK", "No revision was in production before the one that is.");
  if (before.revision !== revision) {
    await store.revisions.lead(app.id, PRODUCTION, revision, Date.now()).catch((cause: unknown) => {
      throw cause instanceof NothingChanged ? new ApiError("CANNOT_ROLL_BACK", undefined, { cause }) : cause;
    });
    await doors.refresh(app.id);
    // The next visitor is to wait as little as possible.
    doors.warm(app.slug);
    const data = { app: app.id, slug: app.slug, revision, previous: before.revision };
    publish(context, owner, { kind: "app.switched", outcome: "ok", data });
  }
  return await production(context, app);
}

/** What an app's address leads to. */
export async function production(
  context: Pick<AppsContext, "store" | "addresses">,
  { id, slug }: { id: string; slug: string },
): Promise<Production> {
  const timeline = await productionOf(context, id);
  return {
    app: { id, slug },
    revision: timeline?.revision ?? null,
    previous: timeline?.previous ?? null,
    url: context.addresses.url(slug),
  };
}

async function productionOf({ store }: Pick<AppsContext, "store">, app: string): Promise<TimelineRecord | null> {
  return (await store.revisions.timelines({ app })).find(({ slug }) => slug === PRODUCTION) ?? null;
}

export function revisionView(record: RevisionRecord): Revision {
  const { id, status, failureReason, retention, spec, createdAt } = record;
  const { config, entrypoint, args } = spec;
  const { framework: _, ...rest } = config;
  return {
    id,
    status,
    failure_reason: failureReason,
    labels: spec.labels,
    layers: spec.layers,
    env_vars: spec.envVars,
    config: { ...rest, runtime: { type: "dynamic", entrypoint, args } },
    retention,
    created_at: iso(createdAt),
    cancellation_requested_at: isoOrNull(record.cancellationRequestedAt),
    build_finished_at: isoOrNull(record.buildFinishedAt),
    deleted_at: isoOrNull(record.deletedAt),
  };
}

export function timelineView(timeline: TimelineRecord, addresses: Addresses): Timeline {
  const { app, slug, context } = timeline;
  return {
    slug,
    partition: {},
    app,
    context: { slug: context },
    domains: [{ domain: addresses.authority(timelineName(timeline)) }],
  };
}
