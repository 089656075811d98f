import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";

/** Answers everything that is addressed to certain host names. The API is one. */
export interface Site {
  /** Answers a request. */
  request(request: IncomingMessage, response: ServerResponse): void;
  /** Answers a request for a WebSocket. The socket is the site's from now on, also if it refuses. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void;
  /** Answers a request over HTTP/2. Absent: clients are not offered HTTP/2. */
  http2?(request: Http2ServerRequest, response: Http2ServerResponse): void;
  /** Whether it sends 100 (Continue) itself to clients that wait for it; otherwise they get it at once. */
  readonly sendsContinue?: boolean;
}

/** Chooses the site for a request by host name, so that many sites share one port. */
export class Sites {
  readonly #sites = new Map<string, Site>();
  readonly #fallback: Site;

  /** @param fallback The site of every name that has none of its own. */
  constructor(fallback: Site) {
    this.#fallback = fallback;
  }

  /**
   * Registers a site until it is disposed.
   *
   * @param pattern A name, such as `dash.example.com`; or `*.example.com` for every name with one more label that has no site of its own.
   * @throws {Error} if the pattern has a site already
   */
  add(pattern: string, site: Site): Disposable {
    const key = pattern.toLowerCase();
    if (this.#sites.has(key)) throw new Error(`${pattern} already has a site.`);
    this.#sites.set(key, site);
    return { [Symbol.dispose]: () => void this.#sites.delete(key) };
  }

  /** The site that answers a request. */
  of(request: IncomingMessage | Http2ServerRequest): Site {
    return this.#sites.size === 0 ? this.#fallback : this.named(requestedName(request));
  }

  /** The site of a name, in lower case. */
  named(name: string | null): Site {
    if (name === null) return this.#fallback;
    return this.#sites.get(name) ?? this.#sites.get(name.replace(/^[^.]+/, "*")) ?? this.#fallback;
  }
}

/** A name, with or without the trailing dot of the root and a port. */
const NAME = /^([a-z0-9._-]+?)\.?(?::\d*)?$/;

/**
 * The host name that a request is addressed to, in lower case: that of its target if the target is a whole URL, else that of its
 * header Host or `:authority` (RFC 9112, section 3.2.2; RFC 9113, section 8.3.1). Null if it is not a name.
 */
export function requestedName({ url = "/", headers }: IncomingMessage | Http2ServerRequest): string | null {
  const { ":authority": authority = headers.host ?? "" } = headers as { ":authority"?: string; host?: string };
  return hostName(/^https?:\/\//i.test(url) ? (URL.parse(url)?.host ?? "") : authority);
}

/** The name in `name:port`, in lower case and without the root's dot; null if it is not a name. */
export function hostName(authority: string): string | null {
  return NAME.exec(authority.toLowerCase())?.[1] ?? null;
}
