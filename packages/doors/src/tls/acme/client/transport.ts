import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { getCACertificates } from "node:tls";
import { AcmeError } from "./error.ts";

/** Longest answer, bytes. A chain of certificates has about 6 KiB, a directory one. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** A whole exchange, connecting included, milliseconds. */
const EXCHANGE_TIMEOUT_MS = 30_000;
/** Connections that wait for the next request; requests follow each other. */
const MAX_FREE_SOCKETS = 1;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface TransportOptions {
  /** Certificates, PEM, to trust besides the system's: for a certificate authority within the organisation. */
  ca?: string;
  userAgent: string;
}

export interface Exchange {
  method: "GET" | "HEAD" | "POST";
  url: string;
  accept?: string;
  /** A signed request. */
  body?: string;
  signal: AbortSignal;
}

/** HTTPS to a certificate authority. Answers are bounded in size and time, and redirects are not followed. */
export class Transport implements Disposable {
  readonly #agent: Agent;
  readonly #userAgent: string;

  constructor({ ca, userAgent }: TransportOptions) {
    this.#agent = new Agent({
      keepAlive: true,
      maxFreeSockets: MAX_FREE_SOCKETS,
      ...(ca !== undefined && { ca: [...getCACertificates("default"), ca] }),
    });
    this.#userAgent = userAgent;
  }

  /** @throws {AcmeError} if there is no answer */
  async send({ method, url, accept = "application/json", body, signal }: Exchange): Promise<Answer> {
    const target = URL.parse(url);
    if (target?.protocol !== "https:")
      throw new AcmeError("The certificate authority named an address without HTTPS.", { type: "insecure" });
    const within = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)]);
    const answer = await this.#exchange(target, within, {
      method,
      body,
      headers: {
        accept,
        "accept-language": "en",
        "user-agent": this.#userAgent,
        ...(body !== undefined && {
          "content-type": "application/jose+json",
          "content-length": String(Buffer.byteLength(body)),
        }),
      },
    }).catch((error: NodeJS.ErrnoException) => {
      signal.throwIfAborted();
      const why = within.aborted
        ? `there was no answer within ${EXCHANGE_TIMEOUT_MS / 1_000} s`
        : error.message || error.code;
      throw new AcmeError(`The certificate authority at ${target.host} cannot be used: ${why}`, { cause: error });
    });
    if (answer.status >= 300 && answer.status < 400) {
      throw new AcmeError(
        `The certificate authority at ${target.host} redirects elsewhere; name its directory as it is now.`,
        { type: "redirect" },
      );
    }
    return answer;
  }

  #exchange(
    url: URL,
    signal: AbortSignal,
    { method, headers, body }: { method: string; headers: Record<string, string>; body: string | undefined },
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, agent: this.#agent, signal });
      // There may be more than one: a malformed answer, and then the end of the time.
      sent.on("error", reject);
      sent.once("response", (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          chunks.push(chunk);
          if (length > MAX_ANSWER_BYTES)
            response.destroy(new Error(`its answer has more than ${MAX_ANSWER_BYTES} bytes`));
        });
        response.on("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      });
      sent.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
