import { z } from "zod";
import { method } from "./method.ts";
import { exitStatusSchema } from "./processes.ts";
import { countSchema, idSchema, maybe, pidSchema } from "./values.ts";

/** What Sandkeep adds for its own clients. The official clients never call these. */

/** Terminal dimensions, in characters: the kernel keeps them as 16 bit numbers. */
const cells = z.number().int().min(1).max(65535);

/**
 * Bytes of a stream that the client is willing to hold unread: beyond them the server waits for `sandkeep.streamTaken`.
 * Without a window, the server sends as fast as the socket accepts data.
 */
const window = maybe(countSchema.min(1));

export const extensionMethods = {
  /** The file as a stream. `size` is its size when it was opened; also 0 for files whose size the kernel does not know. */
  "sandkeep.readFileStream": method(
    z.object({ path: z.string(), window, abortId: maybe(idSchema) }),
    z.object({ size: countSchema, streamId: idSchema }),
  ),
  /** A directory and its contents, as a tar archive in pax format (wire-protocol §11.1). */
  "sandkeep.readTree": method(z.object({ path: z.string(), window }), z.object({ streamId: idSchema })),
  /** Extracts such an archive into a directory; the result counts its files and their bytes. */
  "sandkeep.writeTree": method(
    z.object({ path: z.string(), contentStreamId: idSchema, abortId: maybe(idSchema) }),
    z.object({ files: countSchema, bytes: countSchema }),
  ),
  /** The client has read this many more bytes of a stream with a window. Streams that have ended are ignored. */
  "sandkeep.streamTaken": method(z.object({ streamId: idSchema, bytes: countSchema }), z.null()),
  /** A process on its own terminal; all output is one stream. */
  "sandkeep.spawnPty": method(
    z.object({
      command: z.string(),
      args: maybe(z.array(z.string())),
      env: maybe(z.record(z.string(), z.string())),
      clearEnv: maybe(z.boolean()),
      cwd: maybe(z.string()),
      cols: cells,
      rows: cells,
      /** Value of TERM; default `xterm-256color`. */
      term: maybe(z.string()),
      stdinStreamId: maybe(idSchema),
    }),
    z.object({ pid: pidSchema, stdoutStreamId: idSchema }),
  ),
  "sandkeep.ptyResize": method(z.object({ pid: pidSchema, cols: cells, rows: cells }), z.null()),
  /** Processes started through the API: those running, and the last ones that ended. */
  "sandkeep.processList": method(
    z.object({}),
    z.array(
      z.object({
        pid: pidSchema,
        command: z.string(),
        args: z.array(z.string()),
        startedAtMs: z.number(),
        exit: exitStatusSchema.nullable(),
      }),
    ),
  ),
};
