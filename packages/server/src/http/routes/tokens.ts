import { ApiError, type NewToken, type Token, tokenRequestSchema } from "@sandkeep/protocol";
import type { Hono } from "hono";
import type { Principal } from "../../auth/authenticator.ts";
import { newToken } from "../../auth/token.ts";
import type { TokenRecord } from "../../store/contract.ts";
import type { Env, Services } from "../env.ts";
import { readBody } from "../input.ts";
import { resource } from "../resource.ts";

function view(record: TokenRecord): Token {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    id: record.id,
    name: record.name,
    prefix: record.prefix,
    organisation: record.organisation.slug,
    admin: record.admin,
    createdAt: new Date(record.createdAt).toISOString(),
    lastUsedAt: iso(record.lastUsedAt),
    expiresAt: iso(record.expiresAt),
    revokedAt: iso(record.revokedAt),
  };
}

/** Administrators see every organisation's tokens, others those of their own. */
const scope = (principal: Principal) => (principal.token.admin ? null : principal.organisation.id);

export function tokenRoutes(app: Hono<Env>, { events, sandboxes, store }: Services): void {
  resource(app, "/api/v1/tokens", {
    GET: async (context) => context.json((await store.tokens.list(scope(context.get("principal")))).map(view)),
    POST: async (context) => {
      const principal = context.get("principal");
      const request = await readBody(context, tokenRequestSchema);
      const slug = request.organisation ?? principal.organisation.slug;
      if ((request.admin || slug !== principal.organisation.slug) && !principal.token.admin) throw new ApiError("FORBIDDEN");
      const organisation = await store.organisations.findBySlug(slug);
      if (!organisation) throw new ApiError("ORGANISATION_NOT_FOUND");
      const now = Date.now();
      const expiresAt = request.expiresInMs === undefined ? null : now + request.expiresInMs;
      const { token, hash, record } = newToken(organisation, { name: request.name, admin: request.admin ?? false, expiresAt }, now);
      await store.tokens.insert(record, hash);
      events.publish({ organisation, sandbox: null, actor: principal.actor }, { kind: "token.created", outcome: "ok", data: { token: record.id, name: record.name } });
      const answer: NewToken = { ...view(record), token };
      return context.json(answer, 201);
    },
  });
  resource(app, "/api/v1/tokens/:id", {
    DELETE: async (context) => {
      const principal = context.get("principal");
      const record = await store.tokens.revoke(scope(principal), context.req.param("id") ?? "", Date.now());
      if (!record) throw new ApiError("TOKEN_NOT_FOUND");
      events.publish({ organisation: record.organisation, sandbox: null, actor: principal.actor }, { kind: "token.revoked", outcome: "ok", data: { token: record.id, name: record.name } });
      sandboxes.disconnectToken(record.id);
      return context.body(null, 204);
    },
  });
}
