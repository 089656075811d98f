import type { MiddlewareHandler } from "hono";
import type { Env } from "./env.ts";
import { accessTo, requireScope } from "./scopes.ts";

/** Runs before a route's handler: checks the token's scope, and ends a long answer with the token. */
export function guard(route: string): MiddlewareHandler<Env> {
  const { scope, long } = accessTo(route);
  return async (context, next) => {
    if (scope !== null) requireScope(context.get("principal"), scope);
    if (long) await endWithToken(context);
    await next();
  };
}

/**
 * Aborts the answer when its token ends. A client that retries learns why; one that downloads a file sees that it is
 * incomplete.
 */
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
  // The client may have disconnected while the token was checked.
  if (outgoing.closed) close();
  context.set("over", over.signal);
}
