import type { Context } from "hono";
import { z } from "zod";
import type { Config } from "../../config/schema.ts";
import type { Env } from "../env.ts";
import { decodeCursor, encodeCursor, nextLink, unwrapCursor } from "./page.ts";

const placeSchema = z.tuple([z.number(), z.string()]);

/** The place after which a page of a list ordered by creation continues. */
export interface Place {
  createdAt: number;
  id: string;
}

/** What a cursor of such a list stands for: `after` for the store's list. @throws {ApiError} `INVALID_CURSOR` */
export function placeOf(cursor: string | undefined): { after?: Place } {
  const unwrapped = unwrapCursor(cursor);
  if (unwrapped === undefined) return {};
  const [createdAt, id] = decodeCursor(unwrapped, placeSchema);
  return { after: { createdAt, id } };
}

/** The page of a list that was asked for one more entry than the page has; adds the link to the next page if there is one. */
export function paged<Entry extends Place>(
  context: Context<Env>,
  { publicUrl }: Pick<Config, "publicUrl">,
  entries: Entry[],
  limit: number,
): Entry[] {
  const last = entries.length > limit ? entries[limit - 1] : undefined;
  if (last) context.header("Link", nextLink(context.req.url, publicUrl, encodeCursor([last.createdAt, last.id])));
  return entries.slice(0, limit);
}
