import type { Context } from "hono";
import { z } from "zod";
import type { Config } from "../../config/schema.ts";
import type { Env } from "../env.ts";
import { decodeCursor, encodeCursor, nextLink, unwrapCursor } from "./page.ts";

/** The place after which a page of a list ordered by creation continues. */
export interface Place {
  createdAt: number;
  id: string;
}

/** What a cursor of such a list stands for: `after` for the store's list. @throws {ApiError} `INVALID_CURSOR` */
export function placeOf(cursor: string | undefined): { after?: Place };
export function placeOf<Id>(cursor: string | undefined, id: z.ZodType<Id>): { after?: { createdAt: number; id: Id } };
export function placeOf(cursor: string | undefined, idSchema: z.ZodType = z.string()) {
  const unwrapped = unwrapCursor(cursor);
  if (unwrapped === undefined) return {};
  const [createdAt, id] = decodeCursor(unwrapped, z.tuple([z.number(), idSchema]));
  return { after: { createdAt, id } };
}

/** The same for a list ordered by the last change. @throws {ApiError} `INVALID_CURSOR` */
export function updatedPlaceOf(cursor: string | undefined): { after?: { updatedAt: number; id: string } } {
  const { after } = placeOf(cursor);
  return after ? { after: { updatedAt: after.createdAt, id: after.id } } : {};
}

/** The same for a list ordered by id. @throws {ApiError} `INVALID_CURSOR` */
export function nameOf(cursor: string | undefined): string | undefined {
  const unwrapped = unwrapCursor(cursor);
  return unwrapped === undefined ? undefined : decodeCursor(unwrapped, z.string());
}

export const whenUpdated = ({ updatedAt }: { updatedAt: number }) => updatedAt;
const whenCreated = (entry: object) => (entry as Place).createdAt;

/** The page of a list that was asked for one more entry than the page has, ordered by creation or by `when`; adds the link to the next page if there is one. */
export function paged<Entry extends { id: string }>(
  context: Context<Env>,
  { publicUrl }: Pick<Config, "publicUrl">,
  entries: Entry[],
  limit: number,
  when: (entry: Entry) => number = whenCreated,
): Entry[] {
  const last = entries.length > limit ? entries[limit - 1] : undefined;
  if (last) context.header("Link", nextLink(context.req.url, publicUrl, encodeCursor([when(last), last.id])));
  return entries.slice(0, limit);
}
