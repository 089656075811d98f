import { ApiError, type AppLog } from "@sandkeep/protocol";
import type { Hono } from "hono";
import { z } from "zod";
import { findApp } from "../../../apps/context.ts";
import { iso } from "../../../apps/views.ts";
import type { Env, Services } from "../../env.ts";
import { readQuery } from "../../input/body.ts";
import { moment } from "../../input/moment.ts";
import { encodeCursor, nextLink } from "../../input/page.ts";
import { placeOf } from "../../input/places.ts";
import { resource } from "../../resource.ts";
import { named } from "./apps.ts";

/** From the least to the most severe. */
const LEVELS = ["debug", "info", "warn", "error"] as const;

export const logsQuery = z.object({
  start: moment,
  end: moment.optional(),
  revision_id: z.string().max(64).optional(),
  level: z.enum(LEVELS).optional(),
  query: z.string().max(256).optional(),
  stream: z.enum(["true", "false"]).optional(),
  limit: z.coerce.number<string>().int().min(1).max(1_000).default(100),
  cursor: z.string().max(16_384).optional(),
});

/** What apps print (wire-protocol §10.2). */
export function appLogRoutes(app: Hono<Env>, { apps, config }: Services): void {
  resource(app, "/api/v2/apps/:id/logs", {
    GET: async (context) => {
      const { start, end, revision_id, level, query, stream, limit, cursor } = readQuery(context, logsQuery);
      if (stream === "true")
        throw new ApiError("NOT_SUPPORTED", "Logs as a live stream will arrive in a later version.");
      const { store, appLog } = apps.context;
      const { id } = await findApp(apps.context, named(context), context.get("principal"));
      await appLog.flush();
      const { after } = placeOf(cursor, z.int());
      const lines = await store.logs.list(id, {
        since: start,
        limit: limit + 1,
        ...(end !== undefined && { until: end }),
        ...(revision_id !== undefined && { revision: revision_id }),
        ...(level && { levels: LEVELS.slice(LEVELS.indexOf(level)) }),
        ...(query && { text: query }),
        ...(after && { after: { time: after.createdAt, id: after.id } }),
      });
      const last = lines.length > limit ? lines[limit - 1]! : null;
      const next = last && encodeCursor([last.time, last.id]);
      if (next !== null) context.header("Link", nextLink(context.req.url, config.publicUrl, next));
      const logs: AppLog[] = lines.slice(0, limit).map(({ time, level, message, revision }) => ({
        timestamp: iso(time),
        level,
        message,
        revision_id: revision,
        region: config.region,
      }));
      return context.json({ logs, next_cursor: next });
    },
  });
}
