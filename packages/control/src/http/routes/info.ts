import type { CertificateState } from "@sandkeep/doors";
import type { ServerInfo } from "@sandkeep/protocol";
import type { Hono } from "hono";
import { publicLimits } from "../../config/schema.ts";
import type { Env, Services } from "../env.ts";
import { resource } from "../resource.ts";

const views = (states: CertificateState[]) =>
  states.map(({ expiresAt, ...state }) => ({ ...state, expiresAt: expiresAt?.toISOString() ?? null }));

export function infoRoutes(
  app: Hono<Env>,
  { config, certificates, hosts, sandboxes, ssh, startedAt, version }: Services,
): void {
  resource(app, "/api/v1/info", {
    GET: async (context) => {
      const { organisation, token } = context.get("principal");
      const info: ServerInfo = {
        version,
        region: config.region,
        startedAt: new Date(startedAt).toISOString(),
        organisation,
        sandboxes: { running: sandboxes.size },
        limits: publicLimits(config),
        host: await hosts.summary(),
        ssh: ssh?.address ?? null,
        // Problems name files and programs of the server.
        ...(token.scope === "admin" && { certificates: views(certificates?.states() ?? []) }),
      };
      return context.json(info);
    },
  });
}
