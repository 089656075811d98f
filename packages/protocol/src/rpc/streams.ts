import { z } from "zod";
import { errorObjectSchema } from "./error-object.ts";
import { idSchema } from "./values.ts";

/**
 * Notifications that carry byte streams, in both directions on the same socket (wire-protocol §6). The sender allocates
 * the id; client's and server's ids are separate spaces. The only flow control is TCP's.
 */
export const STREAM_METHODS = {
  start: "$sandbox.stream.start",
  enqueue: "$sandbox.stream.enqueue",
  end: "$sandbox.stream.end",
  error: "$sandbox.stream.error",
  cancel: "$sandbox.stream.cancel",
} as const;

/** Tells a client that a watched Deno process was restarted. Params: `{watcherId: string}`. */
export const WATCHER_RESTART_METHOD = "$sandbox.deno.watcher.restart";

/** Why a stream failed: the Python client sends plain text. */
const reasonSchema = z.union([errorObjectSchema, z.string()]).nullish();

/** Params of a client's notifications. `data` stays text here; it is decoded once, where it is used. */
export const streamNotifications = {
  [STREAM_METHODS.start]: z.object({ streamId: idSchema }),
  [STREAM_METHODS.enqueue]: z.object({ streamId: idSchema, data: z.string() }),
  [STREAM_METHODS.end]: z.object({ streamId: idSchema }),
  [STREAM_METHODS.error]: z.object({ streamId: idSchema, error: reasonSchema }),
  [STREAM_METHODS.cancel]: z.object({ streamId: idSchema, reason: reasonSchema }),
} as const;

/** Largest id of a server's stream, exclusive: 48 random bits are unique in practice and exact in every JSON reader. */
export const STREAM_ID_LIMIT = 2 ** 48;
