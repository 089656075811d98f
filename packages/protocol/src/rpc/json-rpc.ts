import { z } from "zod";
import type { ErrorObject } from "./error-object.ts";

/** The envelope: JSON-RPC 2.0, one message per frame, no batches (wire-protocol §5). */

const version = z.literal("2.0");

/** Ids count from 0 (JavaScript client) or 1 (Python client); 0 is valid. */
export const requestIdSchema = z.union([z.number(), z.string()]);
export type RequestId = z.infer<typeof requestIdSchema>;

/** A call, or a notification when it has no id. */
export const requestSchema = z.object({
  jsonrpc: version,
  id: requestIdSchema.optional(),
  method: z.string(),
  params: z.unknown().optional(),
});
export type Request = z.infer<typeof requestSchema>;

/** The application's answer: a value or an application error. `ok` is always present: methods without a value return `null`. */
export type ApplicationResult<T> = { ok: T } | { error: ErrorObject };

/** A failure of the protocol, as opposed to one of the application. */
export interface RpcErrorBody {
  code: number;
  message: string;
  data?: unknown;
}

export type Response =
  | { jsonrpc: "2.0"; id: RequestId; result: ApplicationResult<unknown> }
  | { jsonrpc: "2.0"; id: RequestId; error: RpcErrorBody };

/** Protocol failures. The Python client recognises an unknown method by its exact message. */
export const RPC_ERRORS = {
  invalidRequest: { code: -32600, message: "Invalid Request" },
  methodNotFound: { code: -32601, message: "Method not found" },
  invalidParams: { code: -32602, message: "Invalid params" },
  internal: { code: -32603, message: "Internal error" },
  server: { code: -32000, message: "Server error" },
} as const satisfies Record<string, RpcErrorBody>;

/** Keepalive text frame of the JavaScript client, answered by {@link PONG}, which is never sent unsolicited (wire-protocol §4.3). */
export const PING = "ping";
export const PONG = "pong";

/** Codes with which either side closes the connection (wire-protocol §4.5). */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  invalidUtf8: 1007,
  policy: 1008,
  tooBig: 1009,
  internal: 1011,
  tryAgainLater: 1013,
  invalidJson: 4000,
  invalidMessage: 4001,
} as const;
