import { ApiError, includesScope, type Scope } from "@sandkeep/protocol";
import type { Principal } from "../auth/authenticator.ts";

/** What a route requires. */
interface Access {
  /** The minimum scope of a token; null: no token is required. */
  scope: Scope | null;
  /** It lasts as long as the client reads its answer, or sends its body, so it must end with the token. */
  long?: true;
}

const anybody: Access = { scope: null };
const read: Access = { scope: "read" };
const readOn: Access = { scope: "read", long: true };
const run: Access = { scope: "run" };
const runOn: Access = { scope: "run", long: true };
const manage: Access = { scope: "manage" };
const admin: Access = { scope: "admin" };

/** Where procedures are called, one or several separated by commas: the dot distinguishes them from all other paths. */
export const TRPC_PATH = "/api/:procedures{[a-zA-Z]+\\.[a-zA-Z.,]+}";

/**
 * Every route of the server, by method and path, and every tRPC procedure, with what it requires. What is not listed
 * here is not served.
 */
export const ACCESS: Readonly<Record<string, Access>> = {
  "GET /api/v1/health": anybody,
  "GET /api/v1/info": read,
  "GET /api/openapi.json": anybody,
  "GET /api/rpc.json": anybody,
  "GET /api/docs": anybody,

  "GET /api/v2/sandboxes": read,
  "GET /api/v3/sandboxes": read,
  "GET /api/v1/sandboxes": read,
  "GET /api/v1/sandboxes/:id": read,
  // The WebSockets, also when requested without an upgrade.
  "GET /api/v3/sandboxes/create": run,
  "GET /api/v3/sandbox/:id/connect": run,
  "PATCH /api/v3/sandbox/:id": run,
  "DELETE /api/v3/sandbox/:id": run,
  "DELETE /api/v3/sandboxes/:id": run,

  "POST /api/v1/sandboxes/:id/fork": run,
  "POST /api/v1/sandboxes/:id/pause": run,
  "POST /api/v1/sandboxes/:id/resume": run,

  "GET /api/v1/sandboxes/:id/egress": read,
  "PATCH /api/v1/sandboxes/:id/egress": manage,
  "PUT /api/v1/sandboxes/:id/egress/secrets/:name": manage,
  "DELETE /api/v1/sandboxes/:id/egress/secrets/:name": manage,
  "GET /api/v1/sandboxes/:id/egress/log": readOn,

  "GET /api/v2/volumes": read,
  "POST /api/v2/volumes": run,
  "GET /api/v2/volumes/:id": read,
  "DELETE /api/v2/volumes/:id": run,
  "POST /api/v2/volumes/:id/snapshot": run,
  "GET /api/v2/snapshots": read,
  "GET /api/v2/snapshots/:id": read,
  "DELETE /api/v2/snapshots/:id": run,
  "GET /api/v1/volumes": read,
  "POST /api/v1/volumes/import": runOn,
  "GET /api/v1/volumes/:id": read,
  "PATCH /api/v1/volumes/:id": run,
  "DELETE /api/v1/volumes/:id": manage,
  "POST /api/v1/volumes/:id/restore": run,
  "GET /api/v1/sandboxes/:id/volumes": read,
  "POST /api/v1/sandboxes/:id/volumes": run,
  "DELETE /api/v1/sandboxes/:id/volumes/:name": run,
  "POST /api/v1/sandboxes/:id/snapshot": run,
  "GET /api/v1/snapshots": read,
  "GET /api/v1/snapshots/:id": read,
  "GET /api/v1/snapshots/:id/export": runOn,
  "DELETE /api/v1/snapshots/:id": manage,
  "POST /api/v1/snapshots/:id/restore": run,
  "GET /api/v1/storage/findings": admin,

  // A door's name may be all that protects it, so looking is not enough to see it.
  "POST /api/v3/sandbox/:id/expose/http": run,
  "POST /api/v3/sandbox/:id/expose/vscode": run,
  "POST /api/v3/sandbox/:id/expose/ssh": run,
  "POST /api/v1/sandboxes/:id/terminal": run,
  "GET /api/v1/doors": run,
  "DELETE /api/v1/doors/:name": run,
  "POST /api/v1/doors/:name/token": run,
  "DELETE /api/v1/doors/:name/token": run,

  "GET /api/v1/events": read,
  "GET /api/v1/events/stream": readOn,

  "GET /api/v1/tokens": manage,
  "POST /api/v1/tokens": manage,
  "DELETE /api/v1/tokens/:id": manage,
  "GET /api/v1/organisations": admin,
  "POST /api/v1/organisations": admin,

  // Called by the platform's command line: one path for all procedures, each with its own scope.
  [`GET ${TRPC_PATH}`]: read,
  [`POST ${TRPC_PATH}`]: read,
  "TRPC orgs.list": read,
  "TRPC sandboxes.list": read,
  "TRPC sandboxes.findHostname": read,
  "TRPC sandboxes.kill": run,

  "POST /api/v2/sandboxes/:id/deploy": run,
  "GET /api/v2/apps": read,
  "POST /api/v2/apps": run,
  "GET /api/v2/apps/:id": read,
  "PATCH /api/v2/apps/:id": manage,
  "DELETE /api/v2/apps/:id": manage,
  // What programs print may be a secret, as what is behind a door.
  "GET /api/v2/apps/:id/logs": run,
  "GET /api/v2/apps/:id/revisions": read,
  "GET /api/v2/apps/:id/timelines": read,
  "GET /api/v2/layers": read,
  "POST /api/v2/layers": run,
  "GET /api/v2/layers/:id": read,
  "PATCH /api/v2/layers/:id": manage,
  "DELETE /api/v2/layers/:id": manage,
  "GET /api/v2/layers/:id/apps": read,
  "GET /api/v2/revisions/:id": read,
  "PATCH /api/v2/revisions/:id": run,
  "DELETE /api/v2/revisions/:id": manage,
  "POST /api/v2/revisions/:id/cancel": run,
  "GET /api/v2/revisions/:id/timelines": read,
  "GET /api/v2/revisions/:id/progress": readOn,
  "GET /api/v2/revisions/:id/build_logs": runOn,
  "GET /api/v1/apps/:id/production": read,
  "POST /api/v1/apps/:id/rollback": run,

  // Planned for a later version: refused for everybody.
  "ALL /api/v2/apps/:id/deploy": read,
};

/** @throws for a route that the table does not have: a mistake in the program. */
export function accessTo(route: string): Access {
  const access = Object.hasOwn(ACCESS, route) ? ACCESS[route] : undefined;
  if (!access) throw new Error(`The route ${route} is not in the table of scopes.`);
  return access;
}

/** The scope of a route that requires a token. */
export function scopeOf(route: string): Scope {
  const { scope } = accessTo(route);
  if (scope === null) throw new Error(`The route ${route} needs no token.`);
  return scope;
}

/** @throws {ApiError} `FORBIDDEN`, with the scope that is needed. */
export function requireScope({ token }: Principal, needed: Scope): void {
  if (includesScope(token.scope, needed)) return;
  throw new ApiError(
    "FORBIDDEN",
    `This requires the scope \`${needed}\`, but the token ${JSON.stringify(token.name)} has \`${token.scope}\`.`,
  );
}
