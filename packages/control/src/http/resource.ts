import { ApiError } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import type { Env } from "./env.ts";
import { guard } from "./guard.ts";

export type Handler = (context: Context<Env>) => Response | Promise<Response>;
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Routes one method of a path that otherwise is another resource's, such as `/volumes/import` beside `/volumes/:id`. */
export function action(app: Hono<Env>, method: Method, path: string, handler: Handler): void {
  app.on(method, path, guard(`${method} ${path}`), handler);
}

/** For a GET that does much for its body: nobody gets that as the answer to a HEAD. */
export function refuseHead(context: Context<Env>): void {
  if (context.req.method !== "HEAD") return;
  context.header("Allow", "GET");
  throw new ApiError("METHOD_NOT_ALLOWED");
}

/** Routes a path's methods, and checks the token's scope for each; refuses other methods with the list of these. */
export function resource(app: Hono<Env>, path: string, handlers: Partial<Record<Method, Handler>>): void {
  for (const [method, handler] of Object.entries(handlers)) app.on(method, path, guard(`${method} ${path}`), handler);
  const allow = Object.keys(handlers).join(", ");
  app.all(path, (context) => {
    context.header("Allow", allow);
    throw new ApiError("METHOD_NOT_ALLOWED");
  });
}
