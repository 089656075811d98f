import { ApiError } from "@sandkeep/protocol";
import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { resource } from "../resource.ts";

/** The WebSocket's paths, requested without an upgrade. */
export function connectRoutes(app: Hono<Env>): void {
  const upgradeRequired = () => {
    throw new ApiError("UPGRADE_REQUIRED");
  };
  resource(app, "/api/v3/sandboxes/create", { GET: upgradeRequired });
  resource(app, "/api/v3/sandbox/:id/connect", { GET: upgradeRequired });
}
