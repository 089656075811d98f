import { getRequestListener, RequestError } from "@hono/node-server";
import type { Logger } from "@sandkeep/common";
import type { Site } from "@sandkeep/doors";
import { newTraceId, TerminalSite, TRACE_HEADER } from "@sandkeep/doors";
import { ApiError } from "@sandkeep/protocol";
import { createApp } from "./app.ts";
import type { Services } from "./env.ts";
import { toApiError } from "./errors.ts";
import { limitBody } from "./input/body-limit.ts";
import { Upgrades } from "./upgrade/upgrade.ts";

/** What the server's own names have: REST, WebSockets to sandboxes, and terminals for browsers. */
export function apiSite(services: Services): Site {
  const { log, config, terminals } = services;
  const upgrades = new Upgrades(services, config.limits.messageBytes);
  const listener = getRequestListener(createApp(services).fetch, {
    overrideGlobalObjects: false,
    errorHandler: (error) => notRouted(error, log),
  });
  return {
    request: (request, response) => {
      if (TerminalSite.serves(request)) return terminals.site.request(request, response);
      limitBody(request);
      void listener(request, response);
    },
    upgrade: (request, socket, head) => {
      if (TerminalSite.serves(request)) terminals.site.upgrade(request, socket, head);
      else upgrades.handle(request, socket, head);
    },
  };
}

/** Answers requests that never reach the app, because their target and host do not make a URL. */
function notRouted(error: unknown, log: Logger): Response {
  const traceId = newTraceId();
  const known =
    error instanceof RequestError
      ? new ApiError("INVALID_REQUEST", `The request's target or Host header is invalid: ${error.message}.`)
      : error;
  const told = toApiError(known, log, traceId);
  return Response.json(told, { status: told.status, headers: { [TRACE_HEADER]: traceId } });
}
