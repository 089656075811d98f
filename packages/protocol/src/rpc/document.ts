import { z } from "zod";
import { errorObjectSchema } from "./error-object.ts";
import { rpcMethods } from "./methods.ts";
import { streamNotifications } from "./streams.ts";

type JsonSchema = Record<string, unknown>;

/** The methods of a connection as JSON Schema (draft 2020-12), for clients in other languages. */
export interface RpcDocument {
  title: string;
  description: string;
  /** By name: what a call sends, and what is in `ok` of its result. */
  methods: Record<string, { params: JsonSchema; result: JsonSchema }>;
  /** Notifications of byte streams, which both ends send (wire-protocol §6). */
  notifications: Record<string, { params: JsonSchema }>;
  /** What is in `error` of a result. */
  error: JsonSchema;
}

/** Makes the document from the schemas that the server checks calls with. */
export function rpcDocument(): RpcDocument {
  const schema = (of: z.ZodType): JsonSchema => {
    const { $schema: _, ...converted } = z.toJSONSchema(of, { io: "input", unrepresentable: "any" }) as JsonSchema;
    return converted;
  };
  return {
    title: "Sandkeep RPC",
    description:
      'JSON-RPC 2.0 over a WebSocket, one message a frame. A call\'s result is {"ok": …} or {"error": …}. See docs/wire-protocol.md.',
    methods: Object.fromEntries(
      Object.entries(rpcMethods).map(([name, { params, result }]) => [
        name,
        { params: schema(params), result: schema(result) },
      ]),
    ),
    notifications: Object.fromEntries(
      Object.entries(streamNotifications).map(([name, params]) => [name, { params: schema(params) }]),
    ),
    error: schema(errorObjectSchema),
  };
}
