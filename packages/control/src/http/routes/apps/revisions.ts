import { type BuildLog, deployRequestSchema, retentionRequestSchema, revisionStatusSchema } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { findApp } from "../../../apps/context.ts";
import { deleteRevision, findRevision, revisionView, timelineView } from "../../../apps/deploying/revisions.ts";
import type { Env, Services } from "../../env.ts";
import { readBody, readQuery } from "../../input/body.ts";
import { pageQuery } from "../../input/page.ts";
import { paged, placeOf } from "../../input/places.ts";
import { stream } from "../../output/item-stream.ts";
import { buildLines, progressSteps } from "../../output/revision-steps.ts";
import { refuseHead, resource } from "../../resource.ts";
import { named } from "./apps.ts";

export const revisionsQuery = pageQuery.extend({ status: revisionStatusSchema.optional() });
export const buildLogsQuery = z.object({
  step: z.string().max(32).optional(),
  timeline: z.string().max(64).optional(),
});

/** Revisions, timelines and deployments, as the official clients know them (wire-protocol §10.2). */
export function revisionRoutes(app: Hono<Env>, services: Services): void {
  const { apps, config, certificates } = services;
  const get = () => apps.context;
  const find = (context: Context<Env>) => findRevision(get(), named(context), context.get("principal"));

  resource(app, "/api/v2/sandboxes/:id/deploy", {
    POST: async (context) => {
      const request = await readBody(context, deployRequestSchema);
      // Makes the local CA, if there is none yet: visitors must be told to trust it before they come.
      await certificates?.fallback();
      const id = await apps.deployments.start(named(context), request, context.get("principal"));
      return context.json({ revision_id: id }, 201);
    },
  });
  resource(app, "/api/v2/apps/:id/revisions", {
    GET: async (context) => {
      const { limit, cursor, status } = readQuery(context, revisionsQuery);
      const { id } = await findApp(get(), named(context), context.get("principal"));
      const records = await get().store.revisions.list(id, {
        limit: limit + 1,
        ...(status && { status }),
        ...placeOf(cursor),
      });
      return context.json(paged(context, config, records, limit).map(revisionView));
    },
  });
  resource(app, "/api/v2/apps/:id/timelines", {
    GET: async (context) => {
      // An app has few: all are on the first page.
      readQuery(context, pageQuery);
      const { id } = await findApp(get(), named(context), context.get("principal"));
      const timelines = await get().store.revisions.timelines({ app: id });
      return context.json(timelines.map((timeline) => timelineView(timeline, get().addresses)));
    },
  });
  resource(app, "/api/v2/revisions/:id", {
    GET: async (context) => context.json(revisionView(await find(context))),
    PATCH: async (context) => {
      const { retention } = await readBody(context, retentionRequestSchema);
      const { id } = await find(context);
      await get().store.revisions.setRetention(id, retention);
      return context.json(revisionView(await find(context)));
    },
    DELETE: async (context) => {
      await deleteRevision(get(), named(context), context.get("principal"));
      await apps.deployments.sweep(null);
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v2/revisions/:id/cancel", {
    POST: async (context) =>
      context.json(revisionView(await apps.deployments.cancel(named(context), context.get("principal")))),
  });
  resource(app, "/api/v2/revisions/:id/timelines", {
    GET: async (context) => {
      const timelines = await get().store.revisions.timelines({ revision: (await find(context)).id });
      return context.json(timelines.map((timeline) => timelineView(timeline, get().addresses)));
    },
  });
  resource(app, "/api/v2/revisions/:id/progress", {
    GET: async (context) => {
      refuseHead(context);
      return stream(context, progressSteps(services, await find(context), context.get("over")), (step) => [step]);
    },
  });
  resource(app, "/api/v2/revisions/:id/build_logs", {
    GET: async (context) => {
      refuseHead(context);
      const { step, timeline } = readQuery(context, buildLogsQuery);
      const wanted = (line: BuildLog) =>
        (step === undefined || line.step === step) && (timeline === undefined || line.timeline === timeline);
      const steps = buildLines(services, await find(context), context.get("over"));
      return stream(context, steps, (lines) => lines.filter(wanted));
    },
  });
}
