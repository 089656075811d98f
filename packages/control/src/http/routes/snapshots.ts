import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { later } from "./later.ts";

export function snapshotRoutes(app: Hono<Env>): void {
  later(app, "Snapshots", "/api/v2/snapshots", "/api/v2/snapshots/*");
}
