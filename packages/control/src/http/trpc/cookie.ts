import { ApiError } from "@sandkeep/protocol";
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { Env } from "../env.ts";

/**
 * The token in the cookie `token`, which the platform's command line sends instead of a header (wire-protocol §12).
 *
 * A cookie is what a browser sends by itself, whatever site caused the request. So it counts here only, and not in a request
 * that another site's page made: browsers say so in `Origin` or `Sec-Fetch-Site`, which no page can leave out or forge.
 *
 * @throws {ApiError} `FORBIDDEN` for a request of another site.
 */
export function cookieToken(context: Context<Env>, publicUrl: string | undefined): string | undefined {
  const token = getCookie(context, "token");
  if (token === undefined) return undefined;
  const origin = context.req.header("origin");
  const site = context.req.header("sec-fetch-site");
  const own = publicUrl ?? new URL(context.req.url).origin;
  if ((origin !== undefined && origin !== own) || (site !== undefined && site !== "same-origin" && site !== "none")) {
    throw new ApiError("FORBIDDEN", "Cookies are not accepted from another site's page.");
  }
  return token;
}
