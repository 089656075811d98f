/** Visits doors as quickly as Node can, over TLS on connections that are kept. */
import { once } from "node:events";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { Agent, request as tlsRequest } from "node:https";
import type { Socket } from "node:net";

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Reads a whole response. Resolves to the number of its bytes. */
export async function visit(url: string, path = "/"): Promise<number> {
  const { hostname: servername, host, port } = new URL(url);
  const options = { host: "127.0.0.1", port, servername, path, headers: { host }, rejectUnauthorized: false, agent };
  const [response] = (await once(tlsRequest(options).end(), "response")) as [IncomingMessage];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  if (response.statusCode !== 200) throw new Error(`the door answered ${response.statusCode}`);
  return bytes;
}

/** A frame with a short text, masked with zeros (RFC 6455, section 5.2). */
const FRAME = Buffer.from([0x81, 0x80 | 4, 0, 0, 0, 0, ...Buffer.from("ping")]);

/** A WebSocket to a server that echoes. */
export class Echo implements Disposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(url: string): Promise<Echo> {
    const { host, port } = new URL(url);
    const headers = {
      host,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    const sent = plainRequest({ host: "127.0.0.1", port, path: "/socket", headers }).end();
    const [, socket] = (await once(sent, "upgrade")) as [IncomingMessage, Socket];
    return new Echo(socket);
  }

  /** Sends a text and waits for its echo. Resolves to how long that took, milliseconds. */
  async trip(): Promise<number> {
    const started = performance.now();
    this.#socket.write(FRAME);
    await once(this.#socket, "data");
    return performance.now() - started;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
