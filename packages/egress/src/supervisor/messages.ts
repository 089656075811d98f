/** What a proxy process may say, as a schema: a process that was taken over through its parsers could say anything. */
import { z } from "zod";
import type { FromProxy } from "../contract.ts";

/** Longer than any name or host, bytes. */
const NAME = z.string().max(1_024);
/** A reason, an error or a line of the log. */
const TEXT = z.string().max(16_384);
/** Text of a request; the proxy cuts it off earlier. */
const LONG = z.string().max(4_096);
const COUNT = z.number().int().nonnegative();
/** A time that `Date` can represent, epoch milliseconds. */
const TIME = z.number().int().min(0).max(8_640_000_000_000_000);
/** Names of a request's parameters or of a sandbox's secrets: more than there can be. */
const MAX_NAMES = 4_096;

const common = {
  at: TIME,
  durationMs: z.number().nonnegative(),
  verdict: z.enum(["allowed", "denied", "failed"]),
  rule: TEXT.nullable(),
  reason: TEXT.nullable(),
  process: z.object({ pid: z.number().int(), name: TEXT }).nullable(),
};
const address = NAME.nullable();
const traffic = { host: NAME, port: z.number().int().min(0).max(65_535), address, bytesUp: COUNT, bytesDown: COUNT };

const eventSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("http"),
    ...common,
    ...traffic,
    protocol: z.enum(["http/1.1", "h2", "websocket"]),
    scheme: z.enum(["http", "https"]),
    method: LONG,
    path: LONG,
    query: z.array(LONG).max(MAX_NAMES),
    status: z.number().int().min(0).max(999).nullable(),
    secrets: z.array(NAME).max(MAX_NAMES),
    placeholders: z.array(NAME).max(MAX_NAMES),
  }),
  z.object({ kind: z.literal("connection"), ...common, ...traffic, protocol: z.enum(["tcp", "tls", "udp"]) }),
  z.object({ kind: z.literal("dns"), ...common, name: NAME, type: NAME }),
]);

const id = z.string().max(256);
const seq = z.number().int().positive();

export const fromProxySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("done"), seq, error: TEXT.nullable() }),
  z.object({ type: z.literal("event"), id, event: eventSchema }),
  z.object({ type: z.literal("violation"), id, detail: TEXT }),
  z.object({ type: z.literal("lookup"), seq, name: z.string().min(1).max(253) }),
  z.object({ type: z.literal("log"), level: z.enum(["info", "warn", "error"]), id: id.optional(), text: TEXT }),
]) satisfies z.ZodType<FromProxy>;
