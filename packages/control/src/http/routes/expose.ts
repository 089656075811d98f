import type { IncomingMessage } from "node:http";
import { exposeRequestSchema, exposeSshRequestSchema } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import { sshIsOff } from "../../doors/ssh/details.ts";
import type { Env, Services } from "../env.ts";
import { readBody } from "../input/body.ts";
import { exposeAnswer } from "../output/door-views.ts";
import { resource } from "../resource.ts";

/** Addresses of sandboxes (wire-protocol §8). */
export function exposeRoutes(app: Hono<Env>, { sandboxes, doors, ssh, terminals, certificates }: Services): void {
  const expose = (kind: "http" | "vscode") => async (context: Context<Env>) => {
    const { principal } = context.var;
    const sandbox = sandboxes.get(context.req.param("id") ?? "", principal);
    const request = await readBody(context, exposeRequestSchema);
    // Makes the local CA, if there is none yet: visitors must be told to trust it before they come.
    await certificates?.fallback();
    return context.json(exposeAnswer(doors.addresses, await sandbox.doors.open(kind, request, principal.actor)));
  };
  resource(app, "/api/v3/sandbox/:id/expose/http", { POST: expose("http") });
  resource(app, "/api/v3/sandbox/:id/expose/vscode", { POST: expose("vscode") });
  resource(app, "/api/v3/sandbox/:id/expose/ssh", {
    POST: async (context) => {
      const { principal } = context.var;
      const sandbox = sandboxes.get(context.req.param("id") ?? "", principal);
      const { authorizedKeys } = await readBody(context, exposeSshRequestSchema);
      if (!ssh) throw sshIsOff();
      return context.json(await ssh.expose(sandbox.doors, authorizedKeys, principal.actor));
    },
  });
  resource(app, "/api/v1/sandboxes/:id/terminal", {
    POST: (context) =>
      context.json(
        terminals.link(context.req.param("id") ?? "", context.var.principal, context.env.incoming as IncomingMessage),
        201,
      ),
  });
}
