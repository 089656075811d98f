import { ApiError, includesScope, type NewToken, type Token, tokenRequestSchema } from "@sandkeep/protocol";
import type { TokenRecord } from "@sandkeep/store";
import type { Hono } from "hono";
import type { Principal } from "../../auth/authenticator.ts";
import { newToken } from "../../auth/token.ts";
import type { Env, Services } from "../env.ts";
import { readBody } from "../input/body.ts";
import { resource } from "../resource.ts";
import { requireScope } from "../scopes.ts";

/** The latest `Date` (ECMAScript, section 21.4.1.1). A token without expiry may create tokens that expire up to then. */
const LAST_DATE_MS = 8.64e15;

function view(record: TokenRecord): Token {
  const iso = (ms: number | null) => (ms === null ? null : new Date(Math.min(ms, LAST_DATE_MS)).toISOString());
  return {
    id: record.id,
    name: record.name,
    prefix: record.prefix,
    organisation: record.organisation.slug,
    scope: record.scope,
    admin: record.scope === "admin",
    createdAt: new Date(record.createdAt).toISOString(),
    lastUsedAt: iso(record.lastUsedAt),
    expiresAt: iso(record.expiresAt),
    revokedAt: iso(record.revokedAt),
  };
}

const isAdmin = ({ token }: Principal) => includesScope(token.scope, "admin");

/** Administrators see every organisation's tokens, others those of their own. */
const reach = (principal: Principal) => (isAdmin(principal) ? null : principal.organisation.id);

/**
 * When a new token expires: no later than the token that creates it.
 *
 * @throws {ApiError} `FORBIDDEN`
 */
function expiry({ token: { expiresAt } }: Principal, expiresInMs: number | undefined, now: number): number | null {
  if (expiresInMs === undefined) return expiresAt;
  const asked = now + expiresInMs;
  if (expiresAt === null || asked <= expiresAt) return asked;
  throw new ApiError(
    "FORBIDDEN",
    `This token expires at ${new Date(expiresAt).toISOString()} so it cannot create one that is valid longer. Leave out \`expiresInMs\` to let the new token expire with it.`,
  );
}

export function tokenRoutes(app: Hono<Env>, { authenticator, events, store }: Services): void {
  resource(app, "/api/v1/tokens", {
    GET: async (context) => context.json((await store.tokens.list(reach(context.get("principal")))).map(view)),
    POST: async (context) => {
      const principal = context.get("principal");
      const request = await readBody(context, tokenRequestSchema);
      const slug = request.organisation ?? principal.organisation.slug;
      const scope = request.scope ?? (request.admin ? "admin" : "manage");
      // No token may do more than the token that creates it.
      requireScope(principal, scope);
      if (slug !== principal.organisation.slug) requireScope(principal, "admin");
      const organisation = await store.organisations.findBySlug(slug);
      if (!organisation) throw new ApiError("ORGANISATION_NOT_FOUND");
      const now = Date.now();
      const expiresAt = expiry(principal, request.expiresInMs, now);
      const { token, hash, record } = newToken(organisation, { name: request.name, scope, expiresAt }, now);
      await store.tokens.insert(record, hash);
      events.publish(
        { organisation, sandbox: null, actor: principal.actor },
        { kind: "token.created", outcome: "ok", data: { token: record.id, name: record.name, scope } },
      );
      const answer: NewToken = { ...view(record), token };
      return context.json(answer, 201);
    },
  });
  resource(app, "/api/v1/tokens/:id", {
    DELETE: async (context) => {
      const principal = context.get("principal");
      const id = context.req.param("id") ?? "";
      const found = await store.tokens.find(reach(principal), id);
      if (!found) throw new ApiError("TOKEN_NOT_FOUND");
      if (!includesScope(principal.token.scope, found.scope))
        throw new ApiError("FORBIDDEN", "Only an administrator's token can revoke an administrator's token.");
      const record = await store.tokens.revoke(reach(principal), id, Date.now());
      if (!record) throw new ApiError("TOKEN_NOT_FOUND");
      events.publish(
        { organisation: record.organisation, sandbox: null, actor: principal.actor },
        { kind: "token.revoked", outcome: "ok", data: { token: record.id, name: record.name } },
      );
      authenticator.revoked(record.id);
      return context.body(null, 204);
    },
  });
}
