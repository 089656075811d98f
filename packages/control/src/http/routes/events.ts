import { ApiError } from "@sandkeep/protocol";
import type { EventQuery } from "@sandkeep/store";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { eventView } from "../../events/view.ts";
import type { Env, Services } from "../env.ts";
import { readQuery } from "../input/body.ts";
import { moment } from "../input/moment.ts";
import { nextLink, pageQuery, unwrapCursor } from "../input/page.ts";
import { followEvents } from "../output/follow.ts";
import { resource } from "../resource.ts";

/** Kinds that one request may name. */
const MAX_KINDS = 50;

const eventId = z.string().regex(/^evt_[0-9a-z]{1,40}$/, "not the id of an event");
const filterQuery = z.object({
  sandbox: z.string().max(64).optional(),
  /** Comma-separated. */
  kind: z
    .string()
    .transform((text) => text.split(",").filter((kind) => kind !== ""))
    .pipe(
      z
        .array(z.string().regex(/^[a-z.]{1,40}$/, "not a kind of event"))
        .min(1)
        .max(MAX_KINDS),
    )
    .optional(),
  since: moment.optional(),
  until: moment.optional(),
});
export const listQuery = filterQuery.extend({
  order: z.enum(["newest-first", "oldest-first"]).default("newest-first"),
  ...pageQuery.shape,
});
export const followQuery = filterQuery.pick({ sandbox: true, kind: true }).extend({ after: eventId.optional() });

type Filter = Pick<EventQuery, "organisation" | "sandbox" | "kinds" | "since" | "until">;

function storeFilter(
  context: Context<Env>,
  { sandbox, kind, since, until }: Partial<z.output<typeof filterQuery>>,
): Filter {
  return {
    organisation: context.get("principal").organisation.id,
    ...(sandbox !== undefined && { sandbox }),
    ...(kind && { kinds: kind }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}

/** Events: in pages, or as they happen. */
export function eventRoutes(app: Hono<Env>, services: Services): void {
  const { config, events, store } = services;
  resource(app, "/api/v1/events", {
    GET: async (context) => {
      const { order, limit, cursor, ...filter } = readQuery(context, listQuery);
      const unwrapped = unwrapCursor(cursor);
      if (unwrapped !== undefined && !eventId.safeParse(unwrapped).success) throw new ApiError("INVALID_CURSOR");
      const place =
        unwrapped === undefined ? {} : order === "newest-first" ? { before: unwrapped } : { after: unwrapped };
      await events.flush();
      const records = await store.events.list({ ...storeFilter(context, filter), order, limit: limit + 1, ...place });
      const last = records.length > limit ? records[limit - 1] : undefined;
      if (last) context.header("Link", nextLink(context.req.url, config.publicUrl, last.id));
      return context.json(
        records.slice(0, limit).map((record) => eventView(record, context.get("principal").organisation.slug)),
      );
    },
  });
  resource(app, "/api/v1/events/stream", {
    GET: (context) => {
      const { after, ...filter } = readQuery(context, followQuery);
      const resumed = eventId.safeParse(context.req.header("last-event-id")).data ?? after;
      return followEvents(context, services, storeFilter(context, filter), resumed, (record) =>
        eventView(record, context.get("principal").organisation.slug),
      );
    },
  });
}
