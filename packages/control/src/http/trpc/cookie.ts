import { ApiError } from "@sandkeep/protocol";
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { Env } from "../env.ts";

/**
 * The token in the cookie `token`, which the platform's command line sends instead of a header (wire-protocol §12).
 *
 * Browsers send cookies with every request, whichever site caused it. So the cookie is accepted here only, and not in
 * requests from other sites' pages: browsers mark those with `Origin` or `Sec-Fetch-Site`, which no page can omit or
 * forge.
 *
 * @throws {ApiError} `FORBIDDEN` for a request from another site.
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
