import { z } from "zod";
import { requestRuleSchema } from "./egress.ts";

/** Fields that every egress event has in its `data`. */
const common = {
  /** When it began, epoch milliseconds; the event is sent when it ends. */
  at: z.number(),
  durationMs: z.number(),
  /** The same as `outcome`, in the policy's terms. */
  verdict: z.enum(["allowed", "denied", "failed"]),
  /** The pattern or rule that decided, if one did. */
  rule: z.string().nullable(),
  /** Why it was denied or failed. */
  reason: z.string().nullable(),
  /** The process in the sandbox, as reported by the sandbox: do not trust it. */
  process: z.object({ pid: z.number(), name: z.string() }).nullable(),
};

/** Bodies only, or the bytes of a connection, as the sandbox sent and received them. */
const bytes = { bytesUp: z.number(), bytesDown: z.number() };

/** An HTTP request. */
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
  /** Of the answer that the sandbox received. */
  status: z.number().nullable(),
  /** Names of secrets that were inserted. */
  secrets: z.array(z.string()),
  /** Names of secrets whose placeholder was seen where secrets are not inserted. */
  placeholders: z.array(z.string()),
  /** Address that was dialled. */
  address: z.string().nullable(),
};

/** A connection without HTTP requests, or one that was refused. */
export const connectionShape = {
  ...common,
  ...bytes,
  protocol: z.enum(["tcp", "tls", "udp"]),
  /** Name, or address where there is none. */
  host: z.string(),
  port: z.number(),
  address: z.string().nullable(),
};

/** A name lookup. */
export const dnsShape = { ...common, name: z.string(), type: z.string() };

/** Somebody changed what a sandbox may reach, or one of its secrets; or the server restored it after a restart. Never contains a value. */
export const egressChangedShape = {
  change: z.enum(["policy", "secret.added", "secret.rotated", "secret.revoked", "restored"]),
  /** Of `policy`: the policy now in effect. */
  policy: z
    .object({ allow: z.array(z.string()).nullable(), deny: z.array(z.string()), rules: z.array(requestRuleSchema) })
    .optional(),
  /** Of `secret.*`: the secret, and where it may be sent now. */
  secret: z.object({ name: z.string(), hosts: z.array(z.string()), in: z.array(z.string()) }).optional(),
  /** Why it did not take effect. */
  error: z.string().optional(),
};
