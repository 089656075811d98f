import type { ServerInfo } from "@sandkeep/protocol";
import type { Hono } from "hono";
import { publicLimits } from "../../config/schema.ts";
import type { Env, Services } from "../env.ts";
import { resource } from "../resource.ts";

export function infoRoutes(app: Hono<Env>, { config, hosts, sandboxes, startedAt, version }: Services): void {
  resource(app, "/api/v1/info", {
    GET: async (context) => {
      const info: ServerInfo = {
        version,
        region: config.region,
        startedAt: new Date(startedAt).toISOString(),
        organisation: context.get("principal").organisation,
        sandboxes: { running: sandboxes.size },
        limits: publicLimits(config),
        host: await hosts.summary(),
      };
      return context.json(info);
    },
  });
}
