import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { later } from "./later.ts";

/** Public addresses of sandboxes (wire-protocol §8). */
export function exposeRoutes(app: Hono<Env>): void {
  later(app, "Public addresses", "/api/v3/sandbox/:id/expose/http");
  later(app, "Editors in the browser", "/api/v3/sandbox/:id/expose/vscode");
  later(app, "Logins by SSH", "/api/v3/sandbox/:id/expose/ssh");
}
