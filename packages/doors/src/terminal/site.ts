import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "@sandkeep/common";
import { ApiError } from "@sandkeep/protocol";
import { WebSocketServer } from "ws";
import { refuse } from "../gateway/refusal.ts";
import type { Site } from "../gateway/sites.ts";
import { newTraceId, TRACE_HEADER } from "../gateway/trace.ts";
import { mustLeave } from "../ssh/login/crowd.ts";
import { type Asset, type Assets, loadAssets } from "./assets.ts";
import { PageConnection } from "./connection.ts";
import { HELLO_MS, MAX_MESSAGE_BYTES } from "./limits.ts";
import { CLOSE } from "./messages.ts";
import { STOPPING, type Terminals } from "./terminals.ts";

/** Where it is on the server's own names. */
export const TERMINAL_PATH = "/terminal/";
const SOCKET_PATH = `${TERMINAL_PATH}socket`;

const TOO_LATE = { code: CLOSE.violation, reason: "The page took too long." };

/**
 * Nothing but the server's own files, no frames, and no other site. xterm puts colours and sizes into style elements and attributes, but
 * nothing of what is printed into HTML.
 */
const HEADERS: OutgoingHttpHeaders = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
/** The page names the files of this version. */
const FRESH = "no-cache";
const FOREVER = "public, max-age=31536000, immutable";

export interface TerminalSiteOptions {
  terminals: Terminals;
  /** Whether an authority, such as `localhost:7777`, is this server's own. */
  isOwn: (authority: string) => boolean;
  /** Whether pages of this origin may connect although the requests are addressed to another name, as behind a proxy. */
  isOwnOrigin: (origin: string) => boolean;
  log: Logger;
}

/** A page that has not said yet what for it is here. */
interface Waiting {
  page: PageConnection;
  remote: string;
  door: null;
  isLeaving: boolean;
}

/** The page with a terminal, and the WebSocket that it uses. Part of the API's site: no sandbox's page may share its origin. */
export class TerminalSite implements Site {
  readonly #options: TerminalSiteOptions;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #assets: Promise<Assets> | null = null;

  constructor(options: TerminalSiteOptions) {
    this.#options = options;
    options.terminals.closing.addEventListener("abort", () => {
      for (const { page } of this.#waiting) page.close(STOPPING);
    });
  }

  /** Whether a request is for this site. */
  static serves({ url }: IncomingMessage): boolean {
    return url !== undefined && (url.startsWith(TERMINAL_PATH) || pathOf(url) === TERMINAL_PATH.slice(0, -1));
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const traceId = newTraceId();
    this.#answer(request, response).catch((error: unknown) => {
      const told = error instanceof ApiError ? error : new ApiError("INTERNAL");
      if (told !== error) this.#options.log.error({ trace: traceId, err: error }, "the web terminal's page failed");
      response.writeHead(told.status, { ...HEADERS, "content-type": "application/json", [TRACE_HEADER]: traceId });
      response.end(JSON.stringify(told));
    });
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    try {
      if (pathOf(request.url) !== SOCKET_PATH) throw new ApiError("NOT_FOUND");
      this.#checkHost(request);
      this.#checkOrigin(request);
    } catch (error) {
      return refuse(socket, error as ApiError, newTraceId());
    }
    // ws answers what is no handshake itself.
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const page = new PageConnection(webSocket, socket.remoteAddress ?? "unknown");
      void this.#welcome(page);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    this.#checkHost(request);
    const path = pathOf(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      throw new ApiError("METHOD_NOT_ALLOWED");
    }
    // Browsers keep the fragment, in which the link's token is.
    if (path === TERMINAL_PATH.slice(0, -1))
      return void response.writeHead(308, { ...HEADERS, location: TERMINAL_PATH }).end();
    if (path === SOCKET_PATH) throw new ApiError("UPGRADE_REQUIRED");
    this.#assets ??= loadAssets();
    const { page, files } = await this.#assets.catch((error: unknown) => {
      this.#assets = null;
      throw error;
    });
    if (path === TERMINAL_PATH) return send(request, response, page, FRESH);
    const file = files.get(path.slice(TERMINAL_PATH.length));
    if (!file) throw new ApiError("NOT_FOUND");
    send(request, response, file, FOREVER);
  }

  /** Somebody may give a name of their own this server's address, so that a browser takes their pages for ours. */
  #checkHost({ headers: { host = "" } }: IncomingMessage): void {
    if (this.#options.isOwn(host)) return;
    throw new ApiError(
      "MISDIRECTED_REQUEST",
      "This is not a name of the server: use the one in the link, or add it to `hostnames` in the server's configuration.",
    );
  }

  /** Browsers let every page open WebSockets to everywhere, but say which page it is. */
  #checkOrigin({ headers: { host = "", origin = "" }, socket }: IncomingMessage): void {
    const url = URL.parse(origin);
    // With the default ports, another server's page at http: has the same host. A proxy may speak TLS for us.
    const isScheme = url?.protocol === "https:" || (url?.protocol === "http:" && !("encrypted" in socket));
    if ((isScheme && url.host === host.toLowerCase()) || this.#options.isOwnOrigin(origin)) return;
    throw new ApiError("FORBIDDEN", "Only the web terminal's own page may connect here.");
  }

  async #welcome(page: PageConnection): Promise<void> {
    const visitor: Waiting = { page, remote: page.remote, door: null, isLeaving: false };
    this.#waiting.add(visitor);
    const leaving = mustLeave(this.#waiting);
    if (leaving) {
      leaving.isLeaving = true;
      leaving.page.close(TOO_LATE);
    }
    const timer = setTimeout(() => page.close(TOO_LATE), HELLO_MS);
    await page.hello;
    clearTimeout(timer);
    this.#waiting.delete(visitor);
    await this.#options.terminals.serve(page).catch((error: unknown) => {
      this.#options.log.error({ err: error }, "a web terminal could not be served");
      page.close({ code: CLOSE.notStarted, reason: "The server failed. Its log says why." });
    });
  }
}

function pathOf(url = ""): string {
  return url.replace(/\?.*/s, "");
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { type, bytes, zipped }: Asset,
  caching: string,
): void {
  const zips = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = zips ? zipped : bytes;
  response.writeHead(200, {
    ...HEADERS,
    "content-type": type,
    "content-length": body.length,
    "cache-control": caching,
    vary: "accept-encoding",
    ...(zips && { "content-encoding": "gzip" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
