import type { MiddlewareHandler } from "hono";
import type { Env } from "./env.ts";
import { accessTo, requireScope } from "./scopes.ts";

/** Before a route's handler: whether the token may, and for how long. */
export function guard(route: string): MiddlewareHandler<Env> {
  const { scope, long } = accessTo(route);
  return async (context, next) => {
    if (scope !== null) requireScope(context.get("principal"), scope);
    if (long) await endWithToken(context);
    await next();
  };
}

/** Cuts the answer off when its token ends. A client that asks again is told why; one that reads a file sees that it is not whole. */
async function endWithToken(context: Parameters<MiddlewareHandler<Env>>[0]): Promise<void> {
  const { outgoing } = context.env;
  const lease = await context.get("authenticator").lease(context.get("principal"));
  const over = new AbortController();
  const close = () => {
    lease[Symbol.dispose]();
    over.abort();
  };
  lease.signal.addEventListener("abort", () => outgoing.destroy(), { once: true });
  outgoing.once("close", close);
  // The client may have gone while the token was looked at.
  if (outgoing.closed) close();
  context.set("over", over.signal);
}
