import { once } from "node:events";
import type { Server as Http1Server } from "node:http";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import type { Logger } from "@sandkeep/common";
import type { Certificates } from "../tls/contract.ts";
import { http1Server } from "./http1.ts";
import { http2Server } from "./http2.ts";
import { HEADERS_TIMEOUT_MS } from "./limits.ts";
import type { Sites } from "./sites.ts";
import { tlsServer } from "./tls.ts";

/** First byte of a TLS connection: a record that carries a handshake (RFC 8446, section 5.1). No HTTP request begins like this. */
const TLS_HANDSHAKE = 0x16;

export interface ListenerOptions {
  sites: Sites;
  /** Null: plain HTTP only. */
  certificates: Certificates | null;
  /** Whether plain HTTP is served on the same port. */
  plain: boolean;
  maxConnections: number;
  log: Logger;
}

/** Serves all sites on one port: HTTP/1.1, HTTP/2 and WebSockets, plain and over TLS. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  #tls: Promise<TlsServer> | null = null;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const { sites, certificates, plain, maxConnections } = options;
    this.#http1 = http1Server(sites);
    this.#http2 = http2Server(sites, this.#sessions);
    // Node's HTTP server expects both.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      if (!certificates) this.#http1.emit("connection", socket);
      else if (plain) this.#either(socket, certificates);
      else void this.#secure(socket, certificates);
    });
    this.#server.maxConnections = maxConnections;
  }

  /** Starts to listen. @throws if the port is taken, or there is no certificate although TLS only is served */
  static async start(options: ListenerOptions & { host: string; port: number }): Promise<Listener> {
    const { certificates, plain, host, port, log } = options;
    const listener = new Listener(options);
    if (certificates && !plain) await listener.#tlsServer(certificates);
    listener.#server.listen(port, host);
    await once(listener.#server, "listening");
    // For example, accept fails when file descriptors run out: the server continues with the connections it has.
    listener.#server.on("error", (error) => log.error({ err: error }, "the listener failed"));
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Accepts no further connections, and closes those without a request. */
  close(): void {
    this.#server.close();
    this.#http1.close();
    this.#http1.closeIdleConnections();
    for (const session of this.#sessions) session.close();
  }

  /** Closes what is still open. */
  closeAllConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Tells TLS from plain HTTP by the first byte. */
  #either(socket: Socket, certificates: Certificates): void {
    const timer = setTimeout(() => socket.destroy(), HEADERS_TIMEOUT_MS);
    const leave = () => socket.destroy();
    socket.once("error", leave);
    socket.once("end", leave);
    socket.once("close", () => clearTimeout(timer));
    socket.once("data", (first: Buffer) => {
      clearTimeout(timer);
      socket.off("error", leave);
      socket.off("end", leave);
      socket.pause();
      socket.unshift(first);
      if (first[0] === TLS_HANDSHAKE) return void this.#secure(socket, certificates);
      this.#http1.emit("connection", socket);
      // Once its new owner listens.
      process.nextTick(() => socket.resume());
    });
  }

  async #secure(socket: Socket, certificates: Certificates): Promise<void> {
    const leave = () => socket.destroy();
    socket.on("error", leave);
    try {
      const server = await this.#tlsServer(certificates);
      // Its error may be still to come.
      if (socket.destroyed) return;
      socket.off("error", leave);
      server.emit("connection", socket);
      process.nextTick(() => socket.resume());
    } catch (error) {
      this.#options.log.error({ err: error }, "there is no certificate");
      socket.destroy();
    }
  }

  #tlsServer(certificates: Certificates): Promise<TlsServer> {
    const { sites } = this.#options;
    const server = (this.#tls ??= tlsServer({ sites, certificates, http1: this.#http1, http2: this.#http2 }));
    server.catch(() => (this.#tls = null));
    return server;
  }
}
