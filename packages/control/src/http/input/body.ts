import { ApiError, describeIssues } from "@sandkeep/protocol";
import type { Context } from "hono";
import type { z } from "zod";
import type { Env } from "../env.ts";

/**
 * The request's JSON body. An empty body counts as `{}`: official clients send a JSON content type without a body.
 *
 * @throws {ApiError} `INVALID_REQUEST`, `REQUEST_TOO_LARGE`, `INVALID_TOKEN`, `TOKEN_EXPIRED`
 */
export async function readBody<Schema extends z.ZodType>(
  context: Context<Env>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = await readText(context);
  let json: unknown = {};
  if (text.trim() !== "") {
    try {
      json = JSON.parse(text);
    } catch {
      throw new ApiError("INVALID_REQUEST", "The body is not JSON.");
    }
  }
  return check(schema, json, "body");
}

/**
 * The request's body. Reads no further than the limit, whatever length the request declares.
 *
 * @throws {ApiError} as {@link readBody} does.
 */
export async function readText(context: Context<Env>): Promise<string> {
  const limit = context.get("bodyBytes");
  if (Number(context.req.header("content-length") ?? 0) > limit) throw new ApiError("REQUEST_TOO_LARGE");
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of context.req.raw.body ?? []) {
    length += piece.length;
    if (length > limit) throw new ApiError("REQUEST_TOO_LARGE");
    pieces.push(piece);
  }
  // A body may arrive slowly, and its token may have ended meanwhile.
  await context.get("authenticator").confirm(context.get("principal"));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(pieces));
  } catch {
    throw new ApiError("INVALID_REQUEST", "The body is not UTF-8.");
  }
}

/**
 * The query parameters; if one is repeated, the last counts.
 *
 * @throws {ApiError} `INVALID_REQUEST`
 */
export function readQuery<Schema extends z.ZodType>(context: Context<Env>, schema: Schema): z.output<Schema> {
  return check(schema, Object.fromEntries(new URL(context.req.url).searchParams), "query");
}

function check<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new ApiError("INVALID_REQUEST", `The ${where} is invalid: ${describeIssues(parsed.error)}.`);
  return parsed.data;
}
