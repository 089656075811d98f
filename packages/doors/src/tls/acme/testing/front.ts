import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface FrontRequest {
  method: string;
  path: string;
  /** What was signed; null for what is only read. */
  payload: Record<string, unknown> | null;
}

export interface FrontAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** FOR TESTS ONLY: stands before Pebble, sees every request, and can answer in its place: with rate limits, garbage, renewal information. */
export class Front implements AsyncDisposable {
  /** Every request so far. */
  readonly requests: FrontRequest[] = [];
  /** Answers in place of Pebble, unless null. */
  intercept: (request: FrontRequest) => FrontAnswer | null = () => null;
  /** More entries for the directory. */
  directory: Record<string, string> = {};
  /** Pebble's port. */
  target = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(certificate: { cert: string; key: string }): Promise<Front> {
    const server = createServer(certificate);
    const front = new Front(server);
    server.on("request", async (incoming: IncomingMessage, response) => {
      const body = await text(incoming);
      const seen = { method: incoming.method!, path: incoming.url!, payload: payloadOf(body) };
      front.requests.push(seen);
      try {
        const given = front.intercept(seen) ?? (await front.#forward(incoming, body));
        response.writeHead(given.status, given.headers).end(given.body);
      } catch {
        // Pebble is being replaced, or the test is over.
        response.destroy();
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return front;
  }

  get origin(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests for new orders so far. */
  get orders(): FrontRequest[] {
    return this.requests.filter(({ payload }) => payload !== null && "identifiers" in payload);
  }

  async #forward({ method, url, headers }: IncomingMessage, body: string): Promise<FrontAnswer> {
    // Pebble makes its addresses from the header Host, so that they lead here.
    const sent = request({
      host: "127.0.0.1",
      port: this.target,
      method,
      path: url,
      headers,
      rejectUnauthorized: false,
      agent: false,
    });
    sent.end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    const answer = await text(response);
    const { "content-length": _, "transfer-encoding": __, connection: ___, ...kept } = response.headers;
    const isDirectory =
      response.headers["content-type"]?.startsWith("application/json") && answer.includes('"newNonce"');
    return {
      status: response.statusCode!,
      headers: kept as Record<string, string>,
      body: isDirectory ? JSON.stringify({ ...JSON.parse(answer), ...this.directory }) : answer,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

function payloadOf(body: string): FrontRequest["payload"] {
  if (body === "") return null;
  const { payload } = JSON.parse(body) as { payload: string };
  return payload === "" ? null : JSON.parse(Buffer.from(payload, "base64url").toString());
}
