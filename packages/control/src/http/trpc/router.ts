import { ApiError, describeIssues, type ErrorCode, type Scope } from "@sandkeep/protocol";
import type { Store } from "@sandkeep/store";
import { initTRPC, TRPCError } from "@trpc/server";
import { uneval } from "devalue";
import { z } from "zod";
import type { Principal } from "../../auth/authenticator.ts";
import type { Sandboxes } from "../../sandboxes/sandboxes.ts";
import { requireScope, scopeOf } from "../scopes.ts";

/** What a procedure knows of its request. */
export interface TrpcContext {
  principal: Principal;
  /** Host, and port if there is one, at which the client reaches the server. */
  hostname: string;
  store: Pick<Store, "organisations" | "sandboxes">;
  sandboxes: Sandboxes;
  /** Logs an error outside the catalogue, and returns the error that the client gets. */
  told(error: unknown): ApiError;
}

const trpc = initTRPC.context<TrpcContext>().create({
  // No stack traces for clients.
  isDev: false,
  transformer: {
    input: {
      serialize: () => neverHere(),
      // superjson's form is `{json, meta}`, where `meta` names strings that stand for types that JSON does not have.
      // Inputs here are plain strings, so `meta` is ignored: a client cannot choose which types are created.
      deserialize: (input: unknown) =>
        typeof input === "object" && input !== null && "json" in input ? input.json : undefined,
    },
    // The platform's command line evaluates each output as an expression, so that dates are dates (wire-protocol §12).
    output: { serialize: (output: unknown) => uneval(output), deserialize: () => neverHere() },
  },
  errorFormatter: ({ shape, error }) => {
    const code =
      error.cause instanceof ApiError
        ? error.cause.code
        : error.cause instanceof z.ZodError
          ? ("INVALID_REQUEST" satisfies ErrorCode)
          : shape.data.code;
    const message =
      error.cause instanceof z.ZodError ? `The input is not valid: ${describeIssues(error.cause)}.` : shape.message;
    return { ...shape, message, data: { ...shape.data, code } };
  },
});

function neverHere(): never {
  throw new Error("the client's half of the transformer");
}

/** tRPC's names for our statuses; any other error of the client is a bad request. */
const CODES: Partial<Record<number, TRPCError["code"]>> = {
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  409: "CONFLICT",
  429: "TOO_MANY_REQUESTS",
  500: "INTERNAL_SERVER_ERROR",
  503: "SERVICE_UNAVAILABLE",
};

/** A procedure that checks the token's scope, which is in the same table as those of the routes. */
const procedure = (name: string) => {
  const scope: Scope = scopeOf(`TRPC ${name}`);
  return trpc.procedure.use(async ({ ctx, next }) => {
    try {
      requireScope(ctx.principal, scope);
      const result = await next();
      // tRPC wraps what a procedure throws.
      if (!result.ok && !(result.error.cause instanceof z.ZodError)) throw result.error.cause ?? result.error;
      return result;
    } catch (error) {
      if (error instanceof TRPCError) throw error;
      const cause = ctx.told(error);
      throw new TRPCError({ code: CODES[cause.status] ?? "BAD_REQUEST", message: cause.message, cause });
    }
  });
};

const organisation = z.string().max(64).nullish();
const sandboxId = z.string().max(64);

/** @throws {ApiError} `ORGANISATION_MISMATCH` if an organisation is named that is not the token's own. */
function checkOrganisation(named: string | null | undefined, { organisation: { id, slug } }: Principal): void {
  if (typeof named === "string" && named !== slug && named !== id) throw new ApiError("ORGANISATION_MISMATCH");
}

/**
 * What the platform's command line needs besides the REST API: `deno sandbox list` and `kill`, and the choice of an
 * organisation.
 */
export const router = trpc.router({
  orgs: trpc.router({
    /** The token's own organisation: it has access to no other. */
    list: procedure("orgs.list").query(async ({ ctx: { principal, store } }) => {
      const record = await store.organisations.findBySlug(principal.organisation.slug);
      return record ? [{ name: record.name, slug: record.slug, id: record.id }] : [];
    }),
  }),
  sandboxes: trpc.router({
    list: procedure("sandboxes.list")
      .input(z.object({ org: organisation }))
      .query(async ({ ctx: { principal, hostname, store }, input }) => {
        checkOrganisation(input.org, principal);
        const records = await store.sandboxes.list(principal.organisation.id, {});
        return records.map(({ id, status, createdAt, stoppedAt, region }) => ({
          id,
          status,
          created_at: new Date(createdAt),
          stopped_at: stoppedAt === null ? null : new Date(stoppedAt),
          cluster_hostname: hostname,
          region,
        }));
      }),
    findHostname: procedure("sandboxes.findHostname")
      .input(z.object({ org: organisation, sandboxId }))
      .query(async ({ ctx: { principal, hostname, sandboxes }, input }) => {
        checkOrganisation(input.org, principal);
        return { hostname, region: sandboxes.get(input.sandboxId, principal).record.region };
      }),
    kill: procedure("sandboxes.kill")
      .input(z.object({ org: organisation, sandboxId, clusterHostname: z.string().max(255).nullish() }))
      .mutation(async ({ ctx: { principal, sandboxes }, input }) => {
        checkOrganisation(input.org, principal);
        await sandboxes.kill(input.sandboxId, principal);
        return { success: true };
      }),
  }),
});
export type Router = typeof router;
