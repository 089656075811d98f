import { z } from "zod";
import { requestRuleSchema } from "./egress.ts";

/** What every event of egress has in its `data`. */
const common = {
  /** When it began, epoch milliseconds; the event itself comes at its end. */
  at: z.number(),
  durationMs: z.number(),
  /** The same as `outcome`, in the words of policy. */
  verdict: z.enum(["allowed", "denied", "failed"]),
  /** The pattern or rule that decided, if one did. */
  rule: z.string().nullable(),
  /** Why it was denied or failed. */
  reason: z.string().nullable(),
  /** The process in the sandbox, as the sandbox tells it: not to be trusted. */
  process: z.object({ pid: z.number(), name: z.string() }).nullable(),
};

/** Bodies only, or the bytes of a connection, as the sandbox sent and got them. */
const bytes = { bytesUp: z.number(), bytesDown: z.number() };

/** A request that was seen as one. */
export const httpShape = {
  ...common,
  ...bytes,
  protocol: z.enum(["http/1.1", "h2", "websocket"]),
  scheme: z.enum(["http", "https"]),
  method: z.string(),
  host: z.string(),
  port: z.number(),
  /** Without the query. */
  path: z.string(),
  /** Names of query parameters, never their values. */
  query: z.array(z.string()),
  /** Of the answer that the sandbox got. */
  status: z.number().nullable(),
  /** Names of secrets that were put in. */
  secrets: z.array(z.string()),
  /** Names of secrets whose placeholder was seen where it is not put in. */
  placeholders: z.array(z.string()),
  /** Address that was dialled. */
  address: z.string().nullable(),
};

/** A connection that was not seen as requests, or one that was refused. */
export const connectionShape = {
  ...common,
  ...bytes,
  protocol: z.enum(["tcp", "tls", "udp"]),
  /** Name, or address where there is none. */
  host: z.string(),
  port: z.number(),
  address: z.string().nullable(),
};

/** A name that was asked for. */
export const dnsShape = { ...common, name: z.string(), type: z.string() };

/** Somebody changed what a sandbox may reach, or one of its secrets; or it came back with the server. Never holds a value. */
export const egressChangedShape = {
  change: z.enum(["policy", "secret.added", "secret.rotated", "secret.revoked", "restored"]),
  /** Of `policy`: what is in force now. */
  policy: z
    .object({ allow: z.array(z.string()).nullable(), deny: z.array(z.string()), rules: z.array(requestRuleSchema) })
    .optional(),
  /** Of `secret.*`: which, and where it may go now. */
  secret: z.object({ name: z.string(), hosts: z.array(z.string()), in: z.array(z.string()) }).optional(),
  /** Why it did not come into force. */
  error: z.string().optional(),
};
