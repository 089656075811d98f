import { z } from "zod";
import { parseDuration } from "./duration.ts";
import { ApiError } from "./errors.ts";

/** How long a sandbox lives: with its creator's connection, until a given time, or for a duration. */
export type Lifetime = { kind: "session" } | { kind: "until"; stopAtMs: number } | { kind: "for"; ms: number };

/** What happens to a sandbox that nobody needs any more: its time is up, its session is over, or it is idle. */
export const ON_IDLE = ["end", "pause"] as const;
export type OnIdle = (typeof ON_IDLE)[number];

/** A `timeout`: `session` or a duration such as `5m`. */
export const timeoutSchema = z.string();

/** @throws {ApiError} `INVALID_TIMEOUT` */
export function parseLifetime(timeout: string): Lifetime {
  if (timeout === "session") return { kind: "session" };
  const ms = parseDuration(timeout);
  if (ms === null)
    throw new ApiError("INVALID_TIMEOUT", `The timeout ${JSON.stringify(timeout.slice(0, 40))} is not a duration.`);
  return { kind: "for", ms };
}
