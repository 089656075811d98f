import { doorTokenRequestSchema } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { closeDoor, replaceToken } from "../../doors/changes.ts";
import { TOKEN_MS } from "../../doors/sandbox-doors.ts";
import type { Env, Services } from "../env.ts";
import { readBody, readQuery } from "../input/body.ts";
import { doorView, exposeAnswer } from "../output/door-views.ts";
import { resource } from "../resource.ts";

export const doorsQuery = z.object({ sandbox: z.string().optional() });

/** The doors of an organisation, and the names that it keeps: an extension of Sandkeep. */
export function doorRoutes(app: Hono<Env>, { doors: table, events, store }: Services): void {
  const changes = { table, events };
  const name = (context: Context<Env>) => context.req.param("name") ?? "";

  resource(app, "/api/v1/doors", {
    GET: async (context) => {
      const { sandbox } = readQuery(context, doorsQuery);
      const doors = await store.doors.list(context.get("principal").organisation.id);
      const asked = doors.filter((door) => sandbox === undefined || door.sandbox === sandbox);
      return context.json(asked.map((door) => doorView(table.addresses, door)));
    },
  });
  resource(app, "/api/v1/doors/:name", {
    DELETE: async (context) => {
      await closeDoor(changes, name(context), context.get("principal"));
      return context.body(null, 204);
    },
  });
  resource(app, "/api/v1/doors/:name/token", {
    POST: async (context) => {
      const { expiresInMs = TOKEN_MS } = await readBody(context, doorTokenRequestSchema);
      const opened = await replaceToken(changes, name(context), expiresInMs, context.get("principal"));
      return context.json(exposeAnswer(table.addresses, opened), 201);
    },
    DELETE: async (context) => {
      await replaceToken(changes, name(context), null, context.get("principal"));
      return context.body(null, 204);
    },
  });
}
