import { newTraceId, TRACE_HEADER } from "@sandkeep/doors";
import { ApiError } from "@sandkeep/protocol";
import { Hono } from "hono";
import { bearerToken } from "../auth/authenticator.ts";
import type { Env, Services } from "./env.ts";
import { toApiError } from "./errors.ts";
import { appRoutes } from "./routes/apps/apps.ts";
import { layerRoutes } from "./routes/apps/layers.ts";
import { appLogRoutes } from "./routes/apps/logs.ts";
import { revisionRoutes } from "./routes/apps/revisions.ts";
import { connectRoutes } from "./routes/connect.ts";
import { documentRoutes } from "./routes/documents.ts";
import { doorRoutes } from "./routes/doors.ts";
import { egressRoutes } from "./routes/egress.ts";
import { eventRoutes } from "./routes/events.ts";
import { exposeRoutes } from "./routes/expose.ts";
import { healthRoutes } from "./routes/health.ts";
import { infoRoutes } from "./routes/info.ts";
import { organisationRoutes } from "./routes/organisations.ts";
import { sandboxRoutes } from "./routes/sandboxes.ts";
import { findingRoutes } from "./routes/storage/findings.ts";
import { sandboxVolumeRoutes } from "./routes/storage/sandbox-volumes.ts";
import { snapshotRoutes } from "./routes/storage/snapshots.ts";
import { volumeRoutes } from "./routes/storage/volumes.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { trpcRoutes } from "./routes/trpc.ts";

/** The REST API; docs/api.md lists its routes. */
export function createApp(services: Services): Hono<Env> {
  const { authenticator, config, log } = services;
  const app = new Hono<Env>();
  app.use("*", async (context, next) => {
    const traceId = newTraceId();
    const started = performance.now();
    context.set("traceId", traceId);
    context.set("bodyBytes", config.limits.bodyBytes);
    context.header(TRACE_HEADER, traceId);
    await next();
    const durationMs = Math.round((performance.now() - started) * 10) / 10;
    log.debug(
      { trace: traceId, method: context.req.method, path: context.req.path, status: context.res.status, durationMs },
      "request",
    );
  });
  app.onError((error, context) => {
    const told = toApiError(error, log, context.get("traceId"));
    return context.newResponse(JSON.stringify(told), told.status as 400, { "content-type": "application/json" });
  });
  app.notFound(() => {
    throw new ApiError("NOT_FOUND");
  });
  healthRoutes(app);
  // Their paths look like those of procedures, so they come first.
  documentRoutes(app, services);
  trpcRoutes(app, services);
  // Everything below requires a token.
  app.use("*", async (context, next) => {
    context.set("authenticator", authenticator);
    context.set(
      "principal",
      await authenticator.authenticate(
        bearerToken(context.req.header("authorization")),
        context.req.header("x-deno-org"),
      ),
    );
    await next();
  });
  // The WebSocket's paths match those of sandboxes, so they are registered first.
  for (const routes of [
    connectRoutes,
    sandboxRoutes,
    egressRoutes,
    exposeRoutes,
    doorRoutes,
    eventRoutes,
    tokenRoutes,
    organisationRoutes,
    infoRoutes,
    findingRoutes,
    volumeRoutes,
    snapshotRoutes,
    sandboxVolumeRoutes,
    appRoutes,
    layerRoutes,
    revisionRoutes,
    appLogRoutes,
  ])
    routes(app, services);
  return app;
}
