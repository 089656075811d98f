import { ApiError, extendRequestSchema, type SandboxDetail, type SandboxMetadata } from "@sandkeep/protocol";
import type { SandboxRecord } from "@sandkeep/store";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { egressView } from "../../egress/views.ts";
import type { Env, Services } from "../env.ts";
import { readBody, readQuery } from "../input/body.ts";
import { labelFilter } from "../input/label-filter.ts";
import { pageQuery } from "../input/page.ts";
import { paged, placeOf } from "../input/places.ts";
import { resource } from "../resource.ts";

export const listQuery = pageQuery.extend({ status: z.enum(["running", "stopped"]).optional() });

const iso = (ms: number) => new Date(ms).toISOString();

/** As the official clients expect it in lists: camelCase, which the Python client converts itself. */
function metadata(record: SandboxRecord): SandboxMetadata {
  return {
    id: record.id,
    createdAt: iso(record.createdAt),
    stoppedAt: record.stoppedAt === null ? null : iso(record.stoppedAt),
    region: record.region,
    status: record.status,
    labels: record.labels,
  };
}

/** Lists, kill and extend, on both of the platform's origins (wire-protocol §8, §10.1), and Sandkeep's own view. */
export function sandboxRoutes(app: Hono<Env>, { config, sandboxes, store }: Services): void {
  const detail = (record: SandboxRecord): SandboxDetail => ({
    ...metadata(record),
    memoryMiB: record.memoryMiB,
    stopAt: record.stopAt === null ? null : iso(record.stopAt),
    stopReason: record.stopReason,
    allowNet: record.network.allowNet,
    secrets: Object.keys(record.network.secrets),
    egress: egressView(record.network),
    connections: sandboxes.connectionsOf(record.id),
  });
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
      if (query.has("limit") || query.has("cursor")) return await page(context, metadata);
      const records = await store.sandboxes.list(context.get("principal").organisation.id, {
        labels: labelFilter(query),
      });
      return context.json(records.map(metadata));
    },
  });
  resource(app, "/api/v3/sandboxes", { GET: (context) => page(context, metadata) });
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
