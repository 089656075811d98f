import { z } from "zod";
import { method } from "./method.ts";
import { exitStatusSchema } from "./processes.ts";
import { countSchema, idSchema, maybe, pidSchema } from "./values.ts";

/** What Sandkeep adds for its own clients. The official clients never call these. */

/** Terminal dimensions, in characters: the kernel keeps them as 16 bit numbers. */
const cells = z.number().int().min(1).max(65535);

export const extensionMethods = {
  /** The file as a stream. `size` is what it had when opened; 0 also for files whose size the kernel does not know. */
  "sandkeep.readFileStream": method(z.object({ path: z.string() }), z.object({ size: countSchema, streamId: idSchema })),
  /** A process on a terminal of its own: all output is one stream. */
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
  /** Processes started through the API: running ones and those that ended last. */
  "sandkeep.processList": method(
    z.object({}),
    z.array(
      z.object({ pid: pidSchema, command: z.string(), args: z.array(z.string()), startedAtMs: z.number(), exit: exitStatusSchema.nullable() }),
    ),
  ),
};
