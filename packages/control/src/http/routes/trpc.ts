import { ApiError, type ErrorBody } from "@sandkeep/protocol";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { bearerToken } from "../../auth/authenticator.ts";
import type { Env, Services } from "../env.ts";
import { toApiError } from "../errors.ts";
import { readText } from "../input/body.ts";
import { resource } from "../resource.ts";
import { TRPC_PATH } from "../scopes.ts";
import { cookieToken } from "../trpc/cookie.ts";
import type { TrpcContext } from "../trpc/router.ts";

const ENDPOINT = "/api";
/** Calls in one request. The command line sends one, sometimes two. */
const MAX_BATCH = 10;

/** tRPC 11, as the platform's command line speaks it (wire-protocol §12). Registered before the authentication of everything else. */
export function trpcRoutes(app: Hono<Env>, { authenticator, config, log, sandboxes, store }: Services): void {
  const authenticate: MiddlewareHandler<Env> = async (context, next) => {
    context.set("authenticator", authenticator);
    try {
      const token = bearerToken(context.req.header("authorization")) ?? cookieToken(context, config.publicUrl);
      context.set("principal", await authenticator.authenticate(token, context.req.header("x-deno-org")));
    } catch (error) {
      // For an invalid token, this client understands only a 401.
      if (error instanceof ApiError && error.code === "TOKEN_EXPIRED")
        return context.json<ErrorBody>(error.toJSON(), 401);
      throw error;
    }
    await next();
  };
  app.use(TRPC_PATH, authenticate);

  const handle = async (context: Context<Env>): Promise<Response> => {
    const principal = context.get("principal");
    const procedureContext: TrpcContext = {
      principal,
      store,
      sandboxes,
      hostname: new URL(config.publicUrl ?? context.req.url).host,
      told: (error) => toApiError(error, log, context.get("traceId")),
    };
    const request = await boundedRequest(context);
    // Loaded when needed: it would make every start of the server 30 ms slower.
    const [{ fetchRequestHandler }, { router }] = await Promise.all([
      import("@trpc/server/adapters/fetch"),
      import("../trpc/router.ts"),
    ]);
    return await fetchRequestHandler({
      endpoint: ENDPOINT,
      req: request,
      router,
      maxBatchSize: MAX_BATCH,
      createContext: () => procedureContext,
    });
  };
  resource(app, TRPC_PATH, { GET: handle, POST: handle });
}

/**
 * The same request, with a body that was read within the limit, and with inputs that are valid JSON, which tRPC
 * expects.
 *
 * @throws {ApiError} `INVALID_REQUEST`, `REQUEST_TOO_LARGE`, `INVALID_TOKEN`, `TOKEN_EXPIRED`
 */
async function boundedRequest(context: Context<Env>): Promise<Request> {
  const { method, url } = context.req;
  const headers = new Headers(context.req.header());
  // A form on any web page can send this, so it is not accepted as JSON.
  if (method === "POST" && !/^application\/json *(;|$)/i.test(headers.get("content-type") ?? ""))
    throw new ApiError("INVALID_REQUEST", "The body's content type is not application/json.");
  const body = method === "POST" ? await readText(context) : null;
  const input = body ?? new URL(url).searchParams.get("input");
  if (input) {
    try {
      JSON.parse(input);
    } catch {
      throw new ApiError("INVALID_REQUEST", `The ${body === null ? "query parameter input" : "body"} is not JSON.`);
    }
  }
  headers.delete("content-length");
  return new Request(url, { method, headers, body, signal: context.req.raw.signal });
}
