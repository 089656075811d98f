import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { later } from "./later.ts";

export function volumeRoutes(app: Hono<Env>): void {
  later(app, "Volumes", "/api/v2/volumes", "/api/v2/volumes/*");
}
