import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { newTraceId, refuse, TRACE_HEADER } from "@sandkeep/doors";
import { ApiError, CONFIG_HEADER, decodeConfig } from "@sandkeep/protocol";
import { WebSocketConnection } from "@sandkeep/rpc";
import { type WebSocket, WebSocketServer } from "ws";
import { bearerToken, type Principal } from "../../auth/authenticator.ts";
import type { Lease } from "../../auth/lease.ts";
import type { Sandbox } from "../../sandboxes/sandbox.ts";
import type { Services } from "../env.ts";
import { toApiError } from "../errors.ts";
import { requireScope, scopeOf } from "../scopes.ts";
import { WaitingClient } from "./waiting-client.ts";

/** Header of the 101 with the sandbox's id; the JavaScript client learns the id only from it. */
const SANDBOX_HEADER = "x-deno-sandbox-id";

const CREATE = "/api/v3/sandboxes/create";
const CONNECT = /^\/api\/v3\/sandbox\/([^/]{1,64})\/connect$/;

const SCOPES = { create: scopeOf(`GET ${CREATE}`), connect: scopeOf("GET /api/v3/sandbox/:id/connect") };

/** A client that requests an upgrade. */
interface Visitor {
  request: IncomingMessage;
  socket: Socket;
  client: WaitingClient;
  principal: Principal;
  lease: Lease;
  traceId: string;
}

/** WebSocket upgrades: a new sandbox, or a connection to one (wire-protocol §4). Everything is checked and ready before the 101. */
export class Upgrades {
  readonly #services: Pick<Services, "authenticator" | "sandboxes" | "log">;
  readonly #server: WebSocketServer;
  readonly #headers = new WeakMap<IncomingMessage, string[]>();

  constructor(services: Pick<Services, "authenticator" | "sandboxes" | "log">, maxMessageBytes: number) {
    this.#services = services;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Both official clients offer compression. It would cost time for every frame, and memory for every connection.
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
    });
    this.#server.on("headers", (headers, request) => headers.push(...(this.#headers.get(request) ?? [])));
  }

  readonly handle = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    void this.#handle(request, socket, head);
  };

  async #handle(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const traceId = newTraceId();
    const client = new WaitingClient(socket, head);
    try {
      const path = pathOf(request);
      const id = CONNECT.exec(path)?.[1];
      if (path !== CREATE && id === undefined) throw new ApiError("NOT_FOUND");
      checkHandshake(request);
      const { authenticator } = this.#services;
      const principal = await authenticator.authenticate(
        bearerToken(request.headers.authorization),
        single(request, "x-deno-org"),
      );
      requireScope(principal, id === undefined ? SCOPES.create : SCOPES.connect);
      const lease = await authenticator.lease(principal);
      const visitor = { request, socket, client, principal, lease, traceId };
      let served = false;
      try {
        served = id === undefined ? await this.#create(visitor) : this.#join(visitor, id);
      } finally {
        if (!served) lease[Symbol.dispose]();
      }
    } catch (error) {
      const told = toApiError(error, this.#services.log, traceId);
      this.#services.log.debug({ trace: traceId, code: told.code }, "upgrade refused");
      client.release();
      if (client.gone.aborted) socket.destroy();
      else refuse(socket, told, traceId);
    }
  }

  async #create(visitor: Visitor): Promise<boolean> {
    const { request, client, principal, lease } = visitor;
    const config = decodeConfig(single(request, CONFIG_HEADER));
    forgetHeader(request, CONFIG_HEADER);
    const sandbox = await this.#services.sandboxes.create(
      config,
      principal,
      AbortSignal.any([client.gone, lease.signal]),
    );
    let served = false;
    try {
      lease.signal.throwIfAborted();
      served = this.#accept(visitor, sandbox, "creator");
    } finally {
      // A session without a creator would never end.
      if (!served) void sandbox.end({ why: "client-closed", actor: principal.actor });
    }
    return served;
  }

  #join(visitor: Visitor, id: string): boolean {
    const sandbox = this.#services.sandboxes.get(id, visitor.principal);
    sandbox.checkRoomForConnection();
    return this.#accept(visitor, sandbox, "joined");
  }

  /** Answers 101 and passes the socket and the lease to the sandbox. False if the client has disconnected. */
  #accept(
    { request, socket, client, principal, lease, traceId }: Visitor,
    sandbox: Sandbox,
    role: "creator" | "joined",
  ): boolean {
    const early = client.release();
    if (client.gone.aborted) {
      socket.destroy();
      return false;
    }
    this.#headers.set(request, [`${SANDBOX_HEADER}: ${sandbox.id}`, `${TRACE_HEADER}: ${traceId}`]);
    // ws calls back before it returns, or never if the socket is no longer usable.
    let served = false;
    this.#server.handleUpgrade(request, socket, early, (webSocket: WebSocket) => {
      served = true;
      sandbox.serve(new WebSocketConnection(webSocket, socket, this.#services.log), { principal, lease, role });
      socket.resume();
    });
    return served;
  }
}

/** @throws {ApiError} `INVALID_REQUEST`: a request's target may be any text without a space, such as `http://`. */
function pathOf({ url = "/" }: IncomingMessage): string {
  const target = URL.parse(url, "http://localhost");
  if (!target) throw new ApiError("INVALID_REQUEST", "The request's target is not a valid path.");
  return target.pathname;
}

/** @throws {ApiError} `INVALID_REQUEST` for what ws would refuse, before a machine is created in vain. */
function checkHandshake({ method, headers }: IncomingMessage): void {
  const key = headers["sec-websocket-key"];
  const version = headers["sec-websocket-version"];
  if (method !== "GET") throw new ApiError("METHOD_NOT_ALLOWED");
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key ?? ""))
    throw new ApiError("INVALID_REQUEST", "The header Sec-WebSocket-Key is missing or malformed.");
  if (version !== "13") throw new ApiError("INVALID_REQUEST", "The header Sec-WebSocket-Version is not 13.");
}

/** Removes a header. The request lives as long as its connection, and the configuration contains values of secrets. */
function forgetHeader(request: IncomingMessage, name: string): void {
  delete request.headers[name];
  request.rawHeaders = request.rawHeaders.filter((_, index, all) => all[index - (index % 2)]?.toLowerCase() !== name);
}

function single(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}
