import { ApiError } from "@sandkeep/protocol";
import { z } from "zod";

/** Entries of a page by default, and at most (docs/api.md). */
const DEFAULT_LIMIT = 30;
const MAX_LIMIT = 1_000;
/** A cursor may be the address of a page, which contains a cursor, and so on; no client nests deeper. */
const MAX_NESTING = 8;

export const pageQuery = z.object({
  limit: z.coerce.number<string>().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  cursor: z.string().max(16_384).optional(),
});

/** The cursor itself: the Python client sends the next page's whole address instead (wire-protocol §9). */
export function unwrapCursor(cursor: string | undefined): string | undefined {
  let unwrapped = cursor;
  for (let i = 0; i < MAX_NESTING && unwrapped !== undefined && /^https?:\/\//.test(unwrapped); i++) {
    try {
      unwrapped = new URL(unwrapped).searchParams.get("cursor") ?? undefined;
    } catch {
      throw new ApiError("INVALID_CURSOR");
    }
  }
  return unwrapped;
}

/** The header `Link` to the next page: one absolute address without commas and semicolons, because clients split there. */
export function nextLink(requestUrl: string, origin: string | undefined, cursor: string): string {
  const url = new URL(requestUrl);
  url.searchParams.set("cursor", cursor);
  // Serialised by URLSearchParams, which escapes both.
  url.search = url.searchParams.toString();
  return `<${origin ?? url.origin}${url.pathname}${url.search}>; rel="next"`;
}

/** An opaque cursor: only this server reads it. */
export function encodeCursor(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** @throws {ApiError} `INVALID_CURSOR` */
export function decodeCursor<Schema extends z.ZodType>(cursor: string, schema: Schema): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
  } catch (error) {
    throw new ApiError("INVALID_CURSOR", undefined, { cause: error });
  }
}
