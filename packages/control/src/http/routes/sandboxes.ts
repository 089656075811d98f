import { ApiError, extendRequestSchema, forkRequestSchema, resumeRequestSchema } from "@sandkeep/protocol";
import type { SandboxRecord } from "@sandkeep/store";
import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Env, Services } from "../env.ts";
import { readBody, readQuery } from "../input/body.ts";
import { labelFilter } from "../input/label-filter.ts";
import { pageQuery } from "../input/page.ts";
import { paged, placeOf } from "../input/places.ts";
import { sandboxDetail, sandboxMetadata } from "../output/sandbox-views.ts";
import { resource } from "../resource.ts";

export const listQuery = pageQuery.extend({ status: z.enum(["running", "paused", "stopped"]).optional() });

/** Lists, kill and extend, on both of the platform's origins (wire-protocol §8, §10.1); Sandkeep's own view, forks and pauses. */
export function sandboxRoutes(app: Hono<Env>, { config, sandboxes, store }: Services): void {
  const detail = (record: SandboxRecord) => sandboxDetail(record, sandboxes);
  const id = (context: Context<Env>) => context.req.param("id") ?? "";

  async function page<Item>(context: Context<Env>, view: (record: SandboxRecord) => Item): Promise<Response> {
    const { limit, cursor, status } = readQuery(context, listQuery);
    const labels = labelFilter(new URL(context.req.url).searchParams);
    // One more than requested tells whether there is a next page.
    const records = await store.sandboxes.list(context.get("principal").organisation.id, {
      labels,
      limit: limit + 1,
      ...(status && { status }),
      ...placeOf(cursor),
    });
    return context.json(paged(context, config, records, limit).map(view));
  }

  resource(app, "/api/v2/sandboxes", {
    GET: async (context) => {
      const query = new URL(context.req.url).searchParams;
      // JavaScript's client expects everything at once.
      if (query.has("limit") || query.has("cursor")) return await page(context, sandboxMetadata);
      const records = await store.sandboxes.list(context.get("principal").organisation.id, {
        labels: labelFilter(query),
      });
      return context.json(records.map(sandboxMetadata));
    },
  });
  resource(app, "/api/v3/sandboxes", { GET: (context) => page(context, sandboxMetadata) });
  resource(app, "/api/v1/sandboxes", { GET: (context) => page(context, detail) });
  resource(app, "/api/v1/sandboxes/:id", {
    GET: async (context) => {
      const record = await store.sandboxes.find(context.get("principal").organisation.id, id(context));
      if (!record) throw new ApiError("SANDBOX_NOT_FOUND", "There is no sandbox with this id.");
      return context.json(detail(record));
    },
  });

  const kill = async (context: Context<Env>) => {
    await sandboxes.kill(id(context), context.get("principal"));
    return context.body(null, 204);
  };
  resource(app, "/api/v3/sandboxes/:id", { DELETE: kill });
  resource(app, "/api/v1/sandboxes/:id/fork", {
    POST: async (context) => {
      const request = await readBody(context, forkRequestSchema);
      const principal = context.get("principal");
      const children = await sandboxes.fork(id(context), request, principal);
      if (context.env.outgoing.closed) {
        // Nobody knows of them.
        await Promise.allSettled(children.map((child) => sandboxes.kill(child.id, principal)));
        throw new ApiError("REQUEST_ABORTED");
      }
      return context.json(children.map(detail), 201);
    },
  });
  resource(app, "/api/v1/sandboxes/:id/pause", {
    POST: async (context) => context.json(detail(await sandboxes.pause(id(context), context.get("principal")))),
  });
  resource(app, "/api/v1/sandboxes/:id/resume", {
    POST: async (context) => {
      const request = await readBody(context, resumeRequestSchema);
      return context.json(detail(await sandboxes.resume(id(context), request, context.get("principal"))));
    },
  });
  resource(app, "/api/v3/sandbox/:id", {
    DELETE: kill,
    PATCH: async (context) => {
      const { stop_at_ms: requested } = await readBody(context, extendRequestSchema);
      const principal = context.get("principal");
      const sandbox = sandboxes.get(id(context), principal);
      return context.json({ stop_at_ms: await sandbox.extend(requested, principal.actor) });
    },
  });
}
