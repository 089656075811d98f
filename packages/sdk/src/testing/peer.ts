import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";

type Handler = (params: Record<string, unknown>, peer: Peer) => unknown;

/** A valid id. */
export const SANDBOX_ID = "sbx_ord_0123456789abcdefghjk";

/** FOR TESTS ONLY: one client's connection, seen from the server's end. */
export class Peer {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  /** All frames that arrived, in order; `"ping"` unparsed. */
  readonly received: (Record<string, unknown> | "ping")[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket, request: IncomingMessage, handlers: Record<string, Handler>) {
    this.socket = socket;
    this.request = request;
    socket.on("message", (data) => void this.#receive(String(data), handlers));
  }

  notify(method: string, params: object): void {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  stream(streamId: number, event: "start" | "end" | "enqueue" | "error" | "cancel", more: object = {}): void {
    this.notify(`$sandbox.stream.${event}`, { streamId, ...more });
  }

  data(streamId: number, text: string): void {
    this.stream(streamId, "enqueue", { data: Buffer.from(text).toString("base64") });
  }

  /** The first matching frame; waits for it if necessary. */
  async frame(fits: (frame: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.received.find((frame) => frame !== "ping" && fits(frame));
      if (found) return found as Record<string, unknown>;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** The params of the first notification of a method. */
  async notified(method: string): Promise<Record<string, unknown>> {
    return (await this.frame((frame) => frame.method === method)).params as Record<string, unknown>;
  }

  async #receive(text: string, handlers: Record<string, Handler>): Promise<void> {
    const frame = text === "ping" ? text : (JSON.parse(text) as Record<string, unknown>);
    this.received.push(frame);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    if (frame === "ping") return this.socket.send("pong");
    if (!("id" in frame)) return;
    const handler = handlers[String(frame.method)];
    const answer = handler
      ? await answerOf(handler, frame.params as Record<string, unknown>, this)
      : { error: { code: -32601, message: "Method not found" } };
    if (answer) this.socket.send(JSON.stringify({ jsonrpc: "2.0", id: frame.id, ...answer }));
  }
}

/** A handler returns a value, throws an `ErrorObject`, or returns this to stay silent. */
export const NO_ANSWER = Symbol("no answer");

async function answerOf(handler: Handler, params: Record<string, unknown>, peer: Peer): Promise<object | null> {
  try {
    const ok = await handler(params, peer);
    return ok === NO_ANSWER ? null : { result: { ok: ok ?? null } };
  } catch (error) {
    return { result: { error } };
  }
}

/** FOR TESTS ONLY: a server that speaks the protocol and answers with handlers. */
export class PeerServer implements AsyncDisposable {
  readonly endpoint: string;
  /** What `Sandbox.create` and `Client` need to speak to it. */
  readonly options: { token: string; sandboxEndpoint: string; apiEndpoint: string };
  readonly peers: Peer[] = [];
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.endpoint = `http://127.0.0.1:${port}`;
    this.options = { token: "ddo_test", sandboxEndpoint: this.endpoint, apiEndpoint: this.endpoint };
    this.#close = close;
  }

  static async start(
    handlers: Record<string, Handler> = {},
    rest: (request: IncomingMessage, response: ServerResponse, body: string) => void = (_, response) =>
      response.writeHead(404).end("{}"),
  ): Promise<PeerServer> {
    const http = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      rest(request, response, body);
    });
    const sockets = new WebSocketServer({ noServer: true, maxPayload: 256 * 1024 * 1024 });
    sockets.on("headers", (headers) => headers.push(`x-deno-sandbox-id: ${SANDBOX_ID}`));
    http.on("upgrade", (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (client) => server.peers.push(new Peer(client, request, handlers)));
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const server = new PeerServer((http.address() as AddressInfo).port, async () => {
      for (const client of sockets.clients) client.terminate();
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    });
    return server;
  }

  /** The connection that was opened last. */
  get peer(): Peer {
    const peer = this.peers.at(-1);
    if (!peer) throw new Error("nobody has connected");
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
