import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Closing, Connection, TcpEndpoints } from "@sandkeep/rpc";

/** FOR TESTS ONLY: a connection that carries bytes, as HTTP and SSH do, and knows nothing of RPC or WebSocket. */
export class TcpConnection implements Connection {
  readonly id: string = randomUUID();
  readonly remote: string;
  readonly closed: Promise<Closing>;
  /** How often the client was asked for a sign of life. */
  probes = 0;
  readonly #socket: Socket;
  #closing: Closing | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = socket.remoteAddress ?? "unknown";
    socket.on("error", () => {});
    socket.resume();
    this.closed = new Promise((resolve) =>
      socket.once("close", () => resolve(this.#closing ?? { code: 1000, reason: "" })),
    );
  }

  /** Both ends of a new one. */
  static async open(): Promise<{ connection: TcpConnection; client: Socket }> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.on("error", () => {});
    const [socket] = (await once(server, "connection")) as [Socket];
    server.close();
    return { connection: new TcpConnection(socket), client };
  }

  get open(): boolean {
    return this.#socket.readyState === "open";
  }

  get endpoints(): TcpEndpoints {
    return this.#socket;
  }

  get receivedBytes(): number {
    return this.#socket.bytesRead;
  }

  get sentBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  get paused(): boolean {
    return this.#socket.isPaused();
  }

  probe(): void {
    this.probes++;
  }

  close(code: number, reason: string, graceMs: number): void {
    this.#closing ??= { code, reason };
    this.#socket.end(`${reason}\n`);
    const timer = setTimeout(() => this.#socket.destroy(), graceMs);
    this.#socket.once("close", () => clearTimeout(timer));
  }
}
