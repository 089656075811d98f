import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { ApiError, CONFIG_HEADER, decodeConfig } from "@sandkeep/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import type { Principal } from "../auth/authenticator.ts";
import type { Sandbox } from "../sandboxes/sandbox.ts";
import { toApiError } from "./errors.ts";
import type { Services } from "./env.ts";
import { refuse } from "./refusal.ts";
import { newTraceId, TRACE_HEADER } from "./trace.ts";
import { WaitingClient } from "./waiting-client.ts";

/** The 101 and connect answers carry the sandbox's id here; JavaScript's client learns it from this only. */
const SANDBOX_HEADER = "x-deno-sandbox-id";

const CREATE = "/api/v3/sandboxes/create";
const CONNECT = /^\/api\/v3\/sandbox\/([^/]{1,64})\/connect$/;

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
      // Both clients offer compression. It would cost time on every frame, and memory for every connection.
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
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      const id = CONNECT.exec(path)?.[1];
      if (path !== CREATE && id === undefined) throw new ApiError("NOT_FOUND");
      checkHandshake(request);
      const principal = await this.#services.authenticator.authenticate(request.headers.authorization, single(request, "x-deno-org"));
      if (id === undefined) {
        const config = decodeConfig(single(request, CONFIG_HEADER));
        forgetHeader(request, CONFIG_HEADER);
        const sandbox = await this.#services.sandboxes.create(config, principal, client.gone);
        let served = false;
        try {
          served = this.#accept(request, socket, client, sandbox, principal, "creator", traceId);
        } finally {
          // A session without a creator would never end.
          if (!served) void sandbox.end({ why: "client-closed", actor: principal.actor });
        }
      } else {
        const sandbox = this.#services.sandboxes.get(id, principal);
        sandbox.checkRoomForConnection();
        this.#accept(request, socket, client, sandbox, principal, "joined", traceId);
      }
    } catch (error) {
      const told = toApiError(error, this.#services.log, traceId);
      this.#services.log.debug({ trace: traceId, code: told.code }, "upgrade refused");
      client.release();
      if (client.gone.aborted) socket.destroy();
      else refuse(socket, told, traceId);
    }
  }

  /** Answers 101 and hands the socket to the sandbox. False if the client is gone. */
  #accept(request: IncomingMessage, socket: Socket, client: WaitingClient, sandbox: Sandbox, principal: Principal, role: "creator" | "joined", traceId: string): boolean {
    const early = client.release();
    if (client.gone.aborted) {
      socket.destroy();
      return false;
    }
    this.#headers.set(request, [`${SANDBOX_HEADER}: ${sandbox.id}`, `${TRACE_HEADER}: ${traceId}`]);
    // ws calls back before it returns, or not at all if the socket is no longer usable.
    let served = false;
    this.#server.handleUpgrade(request, socket, early, (webSocket: WebSocket) => {
      served = true;
      sandbox.attach(webSocket, socket, principal, role);
      socket.resume();
    });
    return served;
  }
}

/** @throws {ApiError} `INVALID_REQUEST` for what ws would refuse, before a machine is made for nothing. */
function checkHandshake({ method, headers }: IncomingMessage): void {
  const key = headers["sec-websocket-key"];
  const version = headers["sec-websocket-version"];
  if (method !== "GET") throw new ApiError("METHOD_NOT_ALLOWED");
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key ?? "")) throw new ApiError("INVALID_REQUEST", "The header Sec-WebSocket-Key is missing or malformed.");
  if (version !== "13") throw new ApiError("INVALID_REQUEST", "The header Sec-WebSocket-Version is not 13.");
}

/** The request lives as long as its connection, and the configuration holds values of secrets. */
function forgetHeader(request: IncomingMessage, name: string): void {
  delete request.headers[name];
  request.rawHeaders = request.rawHeaders.filter((_, index, all) => all[index - (index % 2)]?.toLowerCase() !== name);
}

function single(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}
