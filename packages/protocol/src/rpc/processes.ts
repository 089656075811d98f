import { z } from "zod";
import { method } from "./method.ts";
import { idSchema, maybe, pidSchema } from "./values.ts";

/** Processes (wire-protocol §7.4). They belong to the sandbox, not to the connection. */

/** What becomes of an output. Some clients say `inherit`, which is the client's business: to the server it is `piped`. */
const output = z.enum(["piped", "null", "inherit"]).transform((value) => (value === "null" ? "null" : "piped"));

/** What every way of starting a process takes. Without `stdinStreamId` its input is empty. */
export const spawnBase = z.object({
  env: maybe(z.record(z.string(), z.string())),
  clearEnv: maybe(z.boolean()),
  cwd: maybe(z.string()),
  stdinStreamId: maybe(idSchema),
  stdout: output,
  stderr: output,
});

/** What every way of starting a process answers. */
export const spawnedSchema = z.object({
  pid: pidSchema,
  stdoutStreamId: idSchema.nullable(),
  stderrStreamId: idSchema.nullable(),
});

export const exitStatusSchema = z.object({
  success: z.boolean(),
  /** 128 + n when signal n ended it. */
  code: z.number(),
  signal: z.string().nullable(),
  oom: z.enum(["high-confidence", "low-confidence"]).nullable(),
  /** What the sandbox has, told where `oom` is. */
  memoryMiB: z.number().optional(),
});

export const processMethods = {
  spawn: method(spawnBase.extend({ command: z.string(), args: maybe(z.array(z.string())) }), spawnedSchema),
  /** Answers after the exit too. */
  processWait: method(z.object({ pid: pidSchema, vscode: maybe(z.boolean()) }), exitStatusSchema),
  /** Signals the process's group. Unknown or ended: `TypeError` with code `ENOENT`, which both clients know. */
  processKill: method(z.object({ pid: pidSchema, signal: maybe(z.string()), vscode: maybe(z.boolean()) }), z.null()),
};
