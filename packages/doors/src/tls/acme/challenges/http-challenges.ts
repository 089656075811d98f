import type { IncomingMessage, ServerResponse } from "node:http";
import type { Challenge, Solver } from "./solver.ts";

const PREFIX = "/.well-known/acme-challenge/";

/** Answers HTTP-01: the certificate authority fetches a file from port 80 of the name (RFC 8555, section 8.3). */
export class HttpChallenges implements Solver {
  readonly type = "http-01";
  readonly #answers = new Map<string, string>();

  async present({ token, keyAuthorization }: Challenge): Promise<AsyncDisposable> {
    this.#answers.set(token, keyAuthorization);
    return { [Symbol.asyncDispose]: async () => void this.#answers.delete(token) };
  }

  /** Answers a request if it asks for a challenge; otherwise false, and the request is the caller's. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url = "" } = request;
    if ((method !== "GET" && method !== "HEAD") || !url.startsWith(PREFIX)) return false;
    const found = this.#answers.get(url.slice(PREFIX.length));
    if (found === undefined) return false;
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "content-length": Buffer.byteLength(found),
      "cache-control": "no-store",
    });
    response.end(method === "HEAD" ? undefined : found);
    return true;
  }
}
