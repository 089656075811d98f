import { z } from "zod";
import { method } from "./method.ts";
import { spawnBase, spawnedSchema } from "./processes.ts";
import { maybe, pidSchema } from "./values.ts";

/** Deno programs and REPLs (wire-protocol §7.5). */

const denoBase = spawnBase.extend({ scriptArgs: maybe(z.array(z.string())) });

/** File extensions for inline code. */
export const EXTENSIONS = ["js", "cjs", "mjs", "ts", "cts", "mts", "jsx", "tsx"] as const;

const denoParams = denoBase
  .extend({
    entrypoint: maybe(z.string()),
    watch: maybe(z.union([z.boolean(), z.array(z.string())])),
    code: maybe(z.string()),
    extension: maybe(z.enum(EXTENSIONS)),
  })
  .superRefine((params, context) => {
    if (params.entrypoint !== undefined || params.code !== undefined) return;
    context.addIssue({
      code: "invalid_type",
      expected: "string",
      path: ["entrypoint"],
      message: "Invalid input: expected string, received undefined",
    });
  });

export const denoMethods = {
  spawnDeno: method(denoParams, spawnedSchema.extend({ watcherId: z.string().nullable() })),
  /** True once the process serves HTTP, false if it ends first. */
  denoHttpWait: method(z.object({ pid: pidSchema }), z.boolean()),
  spawnDenoRepl: method(denoBase, spawnedSchema),
  denoReplEval: method(z.object({ pid: pidSchema, code: z.string() }), z.json()),
  /** `fn` is the name of a global of the REPL, or the source of a function. */
  denoReplCall: method(z.object({ pid: pidSchema, fn: z.string(), args: maybe(z.array(z.json())) }), z.json()),
  denoReplClose: method(z.object({ pid: pidSchema }), z.null()),
};
