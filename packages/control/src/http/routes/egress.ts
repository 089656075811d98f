import { ApiError, egressChangeSchema, secretNameSchema, secretRequestSchema } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { egressView } from "../../egress/views.ts";
import type { Env, Services } from "../env.ts";
import { readBody, readQuery } from "../input/body.ts";
import { moment } from "../input/moment.ts";
import { exportEgress } from "../output/egress-export.ts";
import { resource } from "../resource.ts";

export const logQuery = z.object({
  format: z.enum(["jsonl", "har"]).default("jsonl"),
  since: moment.optional(),
  until: moment.optional(),
});

/** What a sandbox may reach, and what it has reached: an extension of Sandkeep. */
export function egressRoutes(app: Hono<Env>, services: Services): void {
  const { sandboxes, store } = services;
  const id = (context: Context<Env>) => context.req.param("id") ?? "";
  const running = (context: Context<Env>) => sandboxes.get(id(context), context.get("principal")).egress;
  const known = async (context: Context<Env>) => {
    const record = await store.sandboxes.find(context.get("principal").organisation.id, id(context));
    if (!record) throw new ApiError("SANDBOX_NOT_FOUND", "There is no sandbox with this id.");
    return record;
  };
  /** A secret's name in a path; an invalid name is not found. */
  const secretName = (context: Context<Env>) => {
    const parsed = secretNameSchema.safeParse(context.req.param("name"));
    if (!parsed.success)
      throw new ApiError(
        "INVALID_REQUEST",
        "The secret's name is invalid: it must not be empty or contain `=` or NUL.",
      );
    return parsed.data;
  };

  resource(app, "/api/v1/sandboxes/:id/egress", {
    // Stopped sandboxes included.
    GET: async (context) => context.json(egressView((await known(context)).network)),
    PATCH: async (context) => {
      // First: the sandbox may be paused while it arrives.
      const change = await readBody(context, egressChangeSchema);
      return context.json(await running(context).change(change, context.get("principal").actor));
    },
  });
  resource(app, "/api/v1/sandboxes/:id/egress/secrets/:name", {
    PUT: async (context) => {
      const name = secretName(context);
      const secret = await readBody(context, secretRequestSchema);
      return context.json(await running(context).setSecret(name, secret, context.get("principal").actor));
    },
    DELETE: async (context) => {
      await running(context).revokeSecret(secretName(context), context.get("principal").actor);
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v1/sandboxes/:id/egress/log", {
    GET: async (context) => {
      const { format, since, until } = readQuery(context, logQuery);
      const { organisation, id: sandbox } = await known(context);
      const query = {
        organisation,
        sandbox,
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
      };
      return await exportEgress(services, format, query, context.get("principal").organisation.slug);
    },
  });
}
