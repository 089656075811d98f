import { z } from "zod";
import { method } from "./method.ts";
import { idSchema, maybe, pidSchema } from "./values.ts";

/** Processes (wire-protocol §7.4). They belong to the sandbox, not to the connection. */

/** What happens to an output. Some clients send `inherit`, which they handle themselves; to the server it means `piped`. */
const output = z.enum(["piped", "null", "inherit"]).transform((value) => (value === "null" ? "null" : "piped"));

/** Params common to all methods that start a process. Without `stdinStreamId` its input is empty. */
export const spawnBase = z.object({
  env: maybe(z.record(z.string(), z.string())),
  clearEnv: maybe(z.boolean()),
  cwd: maybe(z.string()),
  stdinStreamId: maybe(idSchema),
  stdout: output,
  stderr: output,
});

/** Result common to all methods that start a process. */
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
  /** Memory of the sandbox; present if `oom` is set. */
  memoryMiB: z.number().optional(),
});

export const processMethods = {
  spawn: method(spawnBase.extend({ command: z.string(), args: maybe(z.array(z.string())) }), spawnedSchema),
  /** Also answers after the process has exited. */
  processWait: method(z.object({ pid: pidSchema, vscode: maybe(z.boolean()) }), exitStatusSchema),
  /** Signals the process group. If the process is unknown or has ended: `TypeError` with code `ENOENT`, which both clients recognise. */
  processKill: method(z.object({ pid: pidSchema, signal: maybe(z.string()), vscode: maybe(z.boolean()) }), z.null()),
};
