import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { type AddressInfo, createServer as createBareServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { silentLogger } from "@sandkeep/common";
import { createAuthority, issueServerCertificate, keyPem, LeafCertificates, newKeyPair } from "@sandkeep/common/x509";
import { Listener } from "../gateway/listener.ts";
import { type Site, Sites } from "../gateway/sites.ts";
import { DoorSite, type DoorSiteOptions } from "../http/door-site.ts";
import type { Certificates } from "../tls/contract.ts";
import { TestDoors } from "./doors.ts";

const authority = await createAuthority("Test CA");

const leaves = await LeafCertificates.create(authority);
const fallback = async () => {
  const { publicKey, privateKey } = await newKeyPair();
  const names = ["127.0.0.1"];
  const cert = await issueServerCertificate(authority, { commonName: "test", names, publicKey, validMs: 3_600_000 });
  return { cert, key: keyPem(privateKey) };
};

/** A certificate for each name from one CA. */
const certificates: Certificates = {
  handshakes: null,
  fallback,
  contextFor: (name) => leaves.contextFor(name),
  onFallback: () => ({ [Symbol.dispose]() {} }),
  start() {},
  states: () => [],
  async [Symbol.asyncDispose]() {},
};

/** A site for everything that is no door. */
const elsewhere: Site = {
  request: (_request, response) => void response.end("elsewhere"),
  upgrade: (_request, socket) => void socket.destroy(),
};

export interface Got {
  status: number;
  headers: IncomingMessage["headers"];
  trailers: NodeJS.Dict<string>;
  body: string;
}

/** FOR TESTS ONLY: a gateway with doors in the domain `doors.test`, and its clients. */
export class TestGateway implements AsyncDisposable {
  readonly doors: TestDoors;
  readonly #listener: Listener;
  readonly #open: (() => void)[] = [];

  private constructor(doors: TestDoors, listener: Listener) {
    this.doors = doors;
    this.#listener = listener;
  }

  static async start(options: Partial<DoorSiteOptions> = {}): Promise<TestGateway> {
    const doors = new TestDoors();
    const sites = new Sites(elsewhere);
    sites.add("*.doors.test", new DoorSite(doors, { maxOpen: 2_000, behindTls: false, log: silentLogger, ...options }));
    const listener = await Listener.start({
      sites,
      certificates,
      plain: true,
      maxConnections: 1_000,
      log: silentLogger,
      host: "127.0.0.1",
      port: 0,
    });
    return new TestGateway(doors, listener);
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Starts a server behind a door. */
  async serve(name: string, listener: RequestListener, tokens?: Record<string, number>): Promise<Server> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    this.doors.open(`${name}.doors.test`, (server.address() as AddressInfo).port, tokens);
    this.#open.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return server;
  }

  options(name: string, more: RequestOptions = {}): RequestOptions {
    const host = `${name}.doors.test`;
    return {
      host: "127.0.0.1",
      port: this.port,
      servername: host,
      ca: authority.pem,
      agent: false,
      ...more,
      headers: { host: `${host}:${this.port}`, ...(more.headers as object) },
    };
  }

  /** A request over HTTP/1.1, and its whole response. */
  async get(name: string, more: RequestOptions = {}, body?: string): Promise<Got> {
    const request = httpsRequest(this.options(name, more));
    request.end(body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const whole = await text(response);
    return { status: response.statusCode!, headers: response.headers, trailers: response.trailers, body: whole };
  }

  /** A connection that speaks HTTP/2 to a door. */
  async http2(name: string): Promise<ClientHttp2Session> {
    const session = connectHttp2(`https://${name}.doors.test:${this.port}`, {
      ca: authority.pem,
      createConnection: () =>
        connectTls({
          host: "127.0.0.1",
          port: this.port,
          servername: `${name}.doors.test`,
          ca: authority.pem,
          ALPNProtocols: ["h2"],
        }),
    });
    await once(session, "connect");
    this.#open.push(() => session.destroy());
    return session;
  }

  /** A TLS connection for bytes of any kind. */
  async tls(name: string): Promise<TLSSocket> {
    const socket = connectTls({
      host: "127.0.0.1",
      port: this.port,
      servername: `${name}.doors.test`,
      ca: authority.pem,
      ALPNProtocols: ["http/1.1"],
    });
    await once(socket, "secureConnect");
    socket.on("error", () => {});
    this.#open.push(() => socket.destroy());
    return socket;
  }

  /** Sends bytes, and returns what comes back until the connection ends, properly or not. */
  async raw(name: string, bytes: string): Promise<string> {
    const socket = await this.tls(name);
    socket.write(bytes, "latin1");
    let answer = "";
    socket.setEncoding("latin1").on("data", (text) => (answer += text));
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return answer;
  }

  /** Opens a door to a server that gets bare connections. */
  async serveBare(name: string, listener: (socket: Socket) => void): Promise<void> {
    const server = createBareServer((socket) => {
      socket.on("error", () => {});
      this.#open.push(() => socket.destroy());
      listener(socket);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    this.doors.open(`${name}.doors.test`, (server.address() as AddressInfo).port);
    this.#open.push(() => server.close());
  }

  /** Asks for a WebSocket. Resolves with the connection, or the response that refuses it. */
  async upgrade(name: string, path = "/", headers: OutgoingHttpHeaders = {}): Promise<{ socket?: Socket; got?: Got }> {
    const request = httpsRequest(
      this.options(name, {
        path,
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
          "sec-websocket-version": "13",
          ...headers,
        },
      }),
    ).end();
    return await new Promise((resolve, reject) => {
      request.once("error", reject);
      request.once("upgrade", (_response, socket: Socket) => {
        socket.on("error", () => {});
        this.#open.push(() => socket.destroy());
        resolve({ socket });
      });
      request.once("response", (response) =>
        text(response).then((body) => {
          const { headers, trailers } = response;
          resolve({ got: { status: response.statusCode!, headers, trailers, body } });
        }, reject),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open) close();
    this.#listener.close();
    this.#listener.closeAllConnections();
  }
}

/** FOR TESTS ONLY: a request over HTTP/2, and its whole response. */
export async function getHttp2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
  return { status: answer[":status"], headers: answer, body: await text(stream) };
}
