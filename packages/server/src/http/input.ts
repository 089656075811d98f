import { ApiError, describeIssues } from "@sandkeep/protocol";
import type { Context } from "hono";
import type { z } from "zod";
import type { Env } from "./env.ts";

/**
 * The request's JSON body. None at all counts as `{}`: official clients send a JSON content type without a body.
 *
 * @throws {ApiError} `INVALID_REQUEST`
 */
export async function readBody<Schema extends z.ZodType>(context: Context<Env>, schema: Schema): Promise<z.output<Schema>> {
  const text = await context.req.text();
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
 * The query parameters; of one that is repeated, the last counts.
 *
 * @throws {ApiError} `INVALID_REQUEST`
 */
export function readQuery<Schema extends z.ZodType>(context: Context<Env>, schema: Schema): z.output<Schema> {
  return check(schema, Object.fromEntries(new URL(context.req.url).searchParams), "query");
}

function check<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ApiError("INVALID_REQUEST", `The ${where} is not valid: ${describeIssues(parsed.error)}.`);
  return parsed.data;
}
