import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createSecureServer } from "node:http2";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TestAuthority } from "../../egress/fixture/authority.ts";
import { Credential } from "./credential.ts";

/** A server of the test that sandboxes reach under a name. */
export interface Upstream extends AsyncDisposable {
  readonly host: string;
  /** How `allowNet` names it. */
  readonly allow: string;
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** The credential it requires; null where it cannot be a secret, because the protocol is not HTTP. */
  readonly credential: Credential | null;
}

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;
/** Answers a request; an exception is answered with 500. */
export type Handler = (request: Request, response: ServerResponse, url: URL) => void | Promise<void>;

export interface HttpsSettings {
  host: string;
  authority: TestAuthority;
  /** Variable of the secret. */
  variable: string;
  /** Whether HTTP/2 is offered, too. */
  http2?: boolean;
}

/** What an upstream records of a request. */
export interface Seen {
  method: string;
  path: string;
  httpVersion: string;
  /** Status of the response. */
  status: number;
}

/** An upstream that speaks HTTPS. */
export class HttpsUpstream implements Upstream {
  readonly host: string;
  readonly credential: Credential;
  readonly seen: Seen[] = [];
  readonly server: Server | Http2SecureServer;
  readonly #sockets = new Set<Socket>();

  protected constructor(host: string, credential: Credential, server: Server | Http2SecureServer) {
    this.host = host;
    this.credential = credential;
    this.server = server;
    server.on("secureConnection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(
    { host, authority, variable, http2 = false }: HttpsSettings,
    handlerFor: (credential: Credential) => Handler,
  ): Promise<HttpsUpstream> {
    const pair = await authority.issue([host]);
    const server = http2 ? createSecureServer({ ...pair, allowHTTP1: true }) : createServer(pair);
    const upstream = new HttpsUpstream(host, new Credential(variable), server);
    const handler = handlerFor(upstream.credential);
    server.on("request", (request: Request, response: ServerResponse) => {
      response.once("close", () => upstream.#remember(request, response));
      const answered = async () => handler(request, response, new URL(request.url!, `https://${host}`));
      answered().catch((error: unknown) => {
        if (response.headersSent) return void response.destroy();
        response.writeHead(500, { "content-type": "text/plain" });
        response.end(`${String(error)}\n`);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return upstream;
  }

  get allow(): string {
    return this.host;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Requests and responses since the last call. */
  granted(): Seen[] {
    return this.seen.splice(0).filter(({ status }) => status < 400);
  }

  #remember(request: Request, response: Response): void {
    this.seen.push({
      method: request.method!,
      path: request.url!,
      httpVersion: request.httpVersion,
      status: response.statusCode,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Rejects a request without the real secret. */
export function refuse(response: ServerResponse, challenge = "Bearer"): void {
  response.writeHead(401, { "www-authenticate": `${challenge} realm="test"`, "content-type": "text/plain" });
  response.end("the credential is not right\n");
}
