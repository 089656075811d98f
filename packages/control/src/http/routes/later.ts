import { ApiError } from "@sandkeep/protocol";
import type { Hono } from "hono";
import type { Env } from "../env.ts";
import { guard } from "../guard.ts";

/** Paths of the platform that a later version will serve. */
export function later(app: Hono<Env>, what: string, ...paths: string[]): void {
  for (const path of paths) {
    app.all(path, guard(`ALL ${path}`), () => {
      throw new ApiError("NOT_SUPPORTED", `${what} will arrive in a later version.`);
    });
  }
}
