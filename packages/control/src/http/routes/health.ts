import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { resource } from "../resource.ts";

/** For load balancers and scripts: answers without a token as soon as the server is ready. */
export function healthRoutes(app: Hono<Env>): void {
  resource(app, "/api/v1/health", { GET: (context) => context.json({ status: "ok" }) });
}
