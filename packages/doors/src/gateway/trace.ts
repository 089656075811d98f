import { randomBytes } from "node:crypto";

/** In every answer, and in every log line about the request (wire-protocol §4). */
export const TRACE_HEADER = "x-deno-trace-id";

/** 16 random bytes, as in W3C trace contexts. */
export function newTraceId(): string {
  return randomBytes(16).toString("hex");
}
