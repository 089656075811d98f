import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type ClientOptions, WebSocket } from "ws";
import type { Fixture } from "./fixture.ts";

/** FOR TESTS ONLY: a bare WebSocket client. End-to-end tests cover what real clients do on top of it. */
export class TestClient {
  readonly socket: WebSocket;
  /** Headers of the 101. */
  readonly headers: IncomingMessage["headers"];
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(socket: WebSocket, headers: IncomingMessage["headers"]) {
    this.socket = socket;
    this.headers = headers;
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
    );
    socket.on("error", () => {});
  }

  get id(): string {
    return String(this.headers["x-deno-sandbox-id"]);
  }

  /** Calls a method; returns the application result. */
  async call(method: string, params: Record<string, unknown>): Promise<unknown> {
    const id = nextId++;
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    for (;;) {
      const [data] = await once(this.socket, "message");
      const answer = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: unknown };
      if (answer.id === id) return answer.result ?? { protocolError: answer.error };
    }
  }
}

let nextId = 0;

/** A refused upgrade, as a client sees it. */
export class Refused extends Error {
  readonly status: number;
  readonly body: { code: string; message: string };
  readonly headers: IncomingMessage["headers"];

  constructor(status: number, body: { code: string; message: string }, headers: IncomingMessage["headers"]) {
    super(`${status} ${body.code}: ${body.message}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export interface ConnectOptions {
  token?: string | null;
  headers?: Record<string, string>;
  ws?: ClientOptions;
}

/** Like `btoa(JSON.stringify(…))` in JavaScript's client. */
export const configHeader = (config: unknown): Record<string, string> => ({
  "x-deno-sandbox-config": btoa(JSON.stringify(config)),
});

/** Creates a sandbox, as the official clients do. */
export function create(
  fixture: Fixture,
  config: Record<string, unknown> = {},
  options: ConnectOptions = {},
): Promise<TestClient> {
  return open(fixture, "/api/v3/sandboxes/create", {
    ...options,
    headers: { ...configHeader({ memory_mb: 1280, ...config }), ...options.headers },
  });
}

/** Connects to a running sandbox. */
export function join(fixture: Fixture, id: string, options: ConnectOptions = {}): Promise<TestClient> {
  return open(fixture, `/api/v3/sandbox/${id}/connect`, options);
}

/** Opens a WebSocket, or rejects with {@link Refused}. */
export async function open(
  fixture: Fixture,
  path: string,
  { token = fixture.server.token, headers = {}, ws = {} }: ConnectOptions = {},
): Promise<TestClient> {
  const socket = new WebSocket(fixture.origin.replace(/^http/, "ws") + path, {
    headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
    ...ws,
  });
  return await new Promise((resolve, reject) => {
    let answer: IncomingMessage;
    socket.once("upgrade", (response) => (answer = response));
    socket.once("open", () => resolve(new TestClient(socket, answer.headers)));
    socket.once("error", reject);
    socket.once("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk));
      response.on("end", () =>
        reject(new Refused(response.statusCode ?? 0, JSON.parse(text) as Refused["body"], response.headers)),
      );
    });
  });
}

/** The error of a refused attempt. */
export async function refusal(promise: Promise<unknown>): Promise<Refused> {
  const error = await promise.then(
    () => assert.fail("was not refused"),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof Refused, String(error));
  return error;
}
