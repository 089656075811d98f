import { z } from "zod";
import { method } from "./method.ts";

/** Environment of the sandbox (wire-protocol §7.7): processes started later see it, whichever connection starts them. */
export const environmentMethods = {
  envGet: method(z.object({ key: z.string() }), z.string().nullable()),
  envSet: method(z.object({ key: z.string(), value: z.string() }), z.null()),
  envDelete: method(z.object({ key: z.string() }), z.null()),
  envToObject: method(z.object({}), z.record(z.string(), z.string())),
};
