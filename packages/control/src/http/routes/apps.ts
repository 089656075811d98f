import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { later } from "./later.ts";

/** Apps and what belongs to them. */
export function appRoutes(app: Hono<Env>): void {
  later(app, "Apps", "/api/v2/apps", "/api/v2/apps/*");
  later(app, "Revisions", "/api/v2/revisions", "/api/v2/revisions/*");
  later(app, "Layers", "/api/v2/layers", "/api/v2/layers/*");
  later(app, "Deployments from sandboxes", "/api/v2/sandboxes/:id/deploy");
}
