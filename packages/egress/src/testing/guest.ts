/**
 * A guest's end of the egress port in this process, for tests, and for measuring the proxy without a machine. It does
 * what the agent does, and gives access to flows.
 */
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "@sandkeep/serial";
import * as packet from "dns-packet";
import { ERRNO_HEADER, PROCESS_HEADER, UDP_PATH } from "../port/contract.ts";
import { DatagramReader, frameDatagram } from "../port/datagrams.ts";

const WINDOW = 16 * 1024 * 1024;
const FRAME_BYTES = 64 * 1024;

/** The proxy refused a flow. */
export class FlowRefused extends Error {
  override name = "FlowRefused";
  readonly errno: string;
  constructor(errno: string) {
    super(`refused with ${errno}`);
    this.errno = errno;
  }
}

export class FakeGuest implements AsyncDisposable {
  /** Path of the Unix socket that the proxy connects to. */
  readonly socket: string;
  readonly #server: Server;
  #session = Promise.withResolvers<ClientHttp2Session>();
  #current: ClientHttp2Session | null = null;
  #raw: Socket | null = null;

  private constructor(socket: string, server: Server) {
    this.socket = socket;
    this.#server = server;
  }

  /** @param socket path of the unix socket to listen on */
  static async listen(socket: string): Promise<FakeGuest> {
    const server = createServer();
    const guest = new FakeGuest(socket, server);
    server.on("connection", (connection) => guest.#greet(connection));
    server.listen(socket);
    await once(server, "listening");
    return guest;
  }

  /** The raw bytes below HTTP/2, for guests that break the contract. */
  async raw(): Promise<Socket> {
    await this.#session.promise;
    return this.#raw!;
  }

  /** Opens a TCP flow. @throws {FlowRefused} */
  async connect(authority: string, process?: string): Promise<Duplex> {
    return this.#open({ ":method": "CONNECT", ":authority": authority, ...(process && { [PROCESS_HEADER]: process }) });
  }

  /** Opens a UDP flow. Returns a way to send, and the datagrams received. @throws {FlowRefused} */
  async udp(
    authority: string,
  ): Promise<{ send: (datagram: Buffer) => void; stream: Duplex; received: () => Promise<Buffer> }> {
    const stream = await this.#open({
      ":method": "POST",
      ":path": UDP_PATH,
      ":scheme": "http",
      ":authority": authority,
    });
    const reader = new DatagramReader();
    const waiting: ((datagram: Buffer) => void)[] = [];
    const early: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => {
      for (const datagram of reader.push(chunk))
        (waiting.shift() ?? ((one: Buffer) => early.push(one)))(Buffer.from(datagram));
    });
    const received = () =>
      early.length > 0 ? Promise.resolve(early.shift()!) : new Promise<Buffer>((resolve) => waiting.push(resolve));
    return { send: (datagram) => void stream.write(frameDatagram(datagram)), stream, received };
  }

  /** Queries records of a name. Returns the response code by its registered name, and the records' data. */
  async lookUp(name: string, type: string): Promise<{ rcode: string; data: unknown[] }> {
    const dns = await this.udp("100.100.100.100:53");
    dns.send(
      packet.encode({
        type: "query",
        id: 1,
        flags: packet.RECURSION_DESIRED,
        questions: [{ name, type: type as "A" }],
      }),
    );
    const reply = packet.decode(await dns.received()) as packet.DecodedPacket & { rcode: string };
    dns.stream.destroy();
    return { rcode: reply.rcode, data: (reply.answers ?? []).map((answer) => (answer as { data: unknown }).data) };
  }

  /** The synthetic IPv4 address of a name, or null. */
  async resolve(name: string, type: "A" | "AAAA" = "A"): Promise<string | null> {
    return ((await this.lookUp(name, type)).data[0] as string | undefined) ?? null;
  }

  /** Resolves a name and connects to its synthetic address. @throws {FlowRefused} */
  async connectTo(name: string, port: number): Promise<Duplex> {
    return this.connect(`${await this.resolve(name)}:${port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#current?.destroy();
    this.#raw?.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #reset(): void {
    this.#session = Promise.withResolvers();
    this.#current = null;
  }

  #greet(connection: Socket): void {
    this.#raw?.destroy();
    this.#raw = connection;
    let held = Buffer.alloc(0);
    connection.on("error", () => {});
    const read = (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      const at = held.indexOf(HELLO_MAGIC);
      if (at < 0 || held.length < at + HELLO_MAGIC.length + NONCE_BYTES) return;
      connection.off("data", read);
      connection.pause();
      connection.write(
        Buffer.concat([
          Buffer.from(READY_MAGIC),
          held.subarray(at + HELLO_MAGIC.length, at + HELLO_MAGIC.length + NONCE_BYTES),
        ]),
      );
      const session = connectHttp2("http://proxy", {
        createConnection: () => connection,
        settings: { enablePush: false, initialWindowSize: 1024 * 1024, maxFrameSize: FRAME_BYTES },
        maxSessionMemory: 512,
      });
      session.on("error", () => {});
      session.once("close", () => {
        if (this.#current === session) this.#reset();
      });
      session.once("remoteSettings", () => {
        session.setLocalWindowSize(WINDOW);
        // The one before may not have noticed its end yet.
        if (this.#current) this.#reset();
        this.#current = session;
        this.#session.resolve(session);
      });
    };
    connection.on("data", read);
  }

  async #open(headers: Record<string, string>): Promise<ClientHttp2Stream> {
    let session = await this.#session.promise;
    // A session that ends notifies its streams first.
    while (session.closed || session.destroyed || this.#raw!.destroyed) {
      await new Promise(setImmediate);
      session = await this.#session.promise;
    }
    const stream = session.request(headers, { endStream: false });
    return new Promise((resolve, reject) => {
      stream.once("response", (answer) => {
        if (answer[":status"] === 200) return resolve(stream);
        stream.destroy();
        reject(new FlowRefused(String(answer[ERRNO_HEADER] ?? "")));
      });
      stream.once("error", reject);
      stream.once("close", () => reject(new Error("the flow was reset")));
    });
  }
}
