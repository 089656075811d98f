import { z } from "zod";
import { method } from "./method.ts";
import { idSchema, maybe, pidSchema } from "./values.ts";

/** HTTP from inside the sandbox (wire-protocol §7.6) and doors into it (§7.8, §7.9). */

const headers = z.array(z.tuple([z.string(), z.string()]));

export const networkMethods = {
  /** With `pid`, the request goes to the HTTP server of that Deno process, whatever host the URL names. */
  fetch: method(
    z.object({
      url: z.string(),
      method: z.string(),
      headers,
      redirect: z.enum(["follow", "manual"]),
      abortId: maybe(idSchema),
      bodyStreamId: maybe(idSchema),
      pid: maybe(pidSchema),
    }),
    z.object({
      status: z.number().int().min(200).max(599),
      statusText: z.string(),
      headers,
      bodyStreamId: idSchema.nullable(),
    }),
  ),
  exposeHttp: method(
    z.object({ domain: z.string(), port: maybe(z.number().int().min(1).max(65535)), pid: maybe(pidSchema) }),
    z.null(),
  ),
  vscode: method(
    z.object({ path: z.string(), extensions: maybe(z.array(z.string())) }),
    z.object({ pid: pidSchema, port: z.number(), stdoutStreamId: idSchema, stderrStreamId: idSchema }),
  ),
};
