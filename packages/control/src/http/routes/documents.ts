import { createHash } from "node:crypto";
import { rpcDocument } from "@sandkeep/protocol";
import type { Context, Hono } from "hono";
import type { Env, Services } from "../env.ts";
import { openApiDocument } from "../openapi/document.ts";
import { apiPage, PAGE_POLICY } from "../openapi/page.ts";
import { resource } from "../resource.ts";

/** What the API is, for programs and for people. Without a token: it is the same for everybody. */
export function documentRoutes(app: Hono<Env>, { version }: Services): void {
  const serve = (type: string, make: () => string, headers: Record<string, string> = {}) => {
    // Made when it is first asked for: the server's start does not wait for it.
    let made: { text: string; etag: string } | undefined;
    return (context: Context<Env>) => {
      if (!made) {
        const text = make();
        made = { text, etag: `"${createHash("sha256").update(text).digest("base64url")}"` };
      }
      const common = { etag: made.etag, "cache-control": "no-cache", ...headers };
      const known = context.req.header("if-none-match")?.split(/, */) ?? [];
      if (known.includes(made.etag)) return context.body(null, 304, common);
      return context.body(made.text, 200, { "content-type": type, "x-content-type-options": "nosniff", ...common });
    };
  };
  const json = (make: () => unknown) => serve("application/json", () => JSON.stringify(make()));
  resource(app, "/api/openapi.json", { GET: json(() => openApiDocument(version)) });
  resource(app, "/api/rpc.json", { GET: json(rpcDocument) });
  resource(app, "/api/docs", {
    GET: serve("text/html; charset=utf-8", () => apiPage(openApiDocument(version)), {
      "content-security-policy": PAGE_POLICY,
      "referrer-policy": "no-referrer",
    }),
  });
}
