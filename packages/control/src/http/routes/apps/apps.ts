import { appRequestSchema, appUpdateSchema, rollbackRequestSchema } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { createApp, updateApp } from "../../../apps/apps.ts";
import { findApp, findLayer } from "../../../apps/context.ts";
import { production, rollBack } from "../../../apps/deploying/revisions.ts";
import { appView } from "../../../apps/views.ts";
import type { Env, Services } from "../../env.ts";
import { readBody, readQuery } from "../../input/body.ts";
import { labelFilter } from "../../input/label-filter.ts";
import { pageQuery } from "../../input/page.ts";
import { paged, updatedPlaceOf, whenUpdated } from "../../input/places.ts";
import { resource } from "../../resource.ts";
import { later } from "../later.ts";

export const appsQuery = pageQuery.extend({ layer: z.string().max(64).optional() });

/** Id or slug in the path. */
export const named = (context: Context<Env>): string => context.req.param("id") ?? "";

/** Apps, as the official clients know them (wire-protocol §10.2). */
export function appRoutes(app: Hono<Env>, { apps, config }: Services): void {
  const get = () => apps.context;

  resource(app, "/api/v2/apps", {
    GET: async (context) => {
      const { limit, cursor, layer } = readQuery(context, appsQuery);
      const principal = context.get("principal");
      const labels = labelFilter(new URL(context.req.url).searchParams);
      const records = await get().store.list(principal.organisation.id, {
        labels,
        limit: limit + 1,
        ...(layer !== undefined && { layer: (await findLayer(get(), layer, principal)).id }),
        ...updatedPlaceOf(cursor),
      });
      return context.json(paged(context, config, records, limit, whenUpdated).map(appView));
    },
    POST: async (context) => {
      const request = await readBody(context, appRequestSchema);
      return context.json(appView(await createApp(get(), request, context.get("principal"))), 201);
    },
  });
  resource(app, "/api/v2/apps/:id", {
    GET: async (context) => context.json(appView(await findApp(get(), named(context), context.get("principal")))),
    PATCH: async (context) => {
      const request = await readBody(context, appUpdateSchema);
      const principal = context.get("principal");
      const updated = await updateApp(get(), named(context), request, principal);
      await apps.doors.refresh(updated.id);
      return context.json(appView(updated));
    },
    DELETE: async (context) => {
      await apps.remove(named(context), context.get("principal"));
      return context.body(null, 204);
    },
  });
  later(app, "Deployments of files in a request", "/api/v2/apps/:id/deploy");

  resource(app, "/api/v1/apps/:id/production", {
    GET: async (context) =>
      context.json(await production(get(), await findApp(get(), named(context), context.get("principal")))),
  });
  resource(app, "/api/v1/apps/:id/rollback", {
    POST: async (context) => {
      const { revision } = await readBody(context, rollbackRequestSchema);
      return context.json(await rollBack(get(), named(context), revision, context.get("principal")));
    },
  });
}
