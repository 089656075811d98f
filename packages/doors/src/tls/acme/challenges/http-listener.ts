import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { HttpChallenges } from "./http-challenges.ts";

/** Connections at a time: certificate authorities look from a handful of places. */
const MAX_CONNECTIONS = 64;
/** A request must arrive within this time, milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** A port, usually 80, on which nothing but HTTP-01 is answered. */
export class HttpListener implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws {Error} if the port cannot be had */
  static async open(challenges: HttpChallenges, address: { host: string; port: number }): Promise<HttpListener> {
    const options = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
    };
    const server = createServer(options, (request, response) => {
      response.setHeader("connection", "close");
      if (challenges.answer(request, response)) return;
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      response.end("This port only answers certificate authorities; use HTTPS.\n");
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.listen(address.port, address.host);
    await once(server, "listening").catch((error: Error) => {
      const { host, port } = address;
      throw new Error(`Cannot listen on ${host} port ${port} for the challenge http-01: ${error.message}`);
    });
    // For example, accept fails when file descriptors run out: the authority asks again.
    server.on("error", () => {});
    return new HttpListener(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
