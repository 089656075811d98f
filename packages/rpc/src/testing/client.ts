/** For tests: a client that speaks the bare protocol and records every message. */
import { once } from "node:events";
import { type ErrorObject, STREAM_METHODS } from "@sandkeep/protocol";
import { WebSocket } from "ws";

// biome-ignore lint/suspicious/noExplicitAny: results differ by method, and tests look at them
type Any = any;

export interface Message {
  id?: number;
  method?: string;
  params?: Any;
  result?: { ok?: Any; error?: ErrorObject };
  error?: { code: number; message: string; data?: Any };
}

/** What was received on one of the server's streams. */
export class ReceivedStream {
  events: { kind: string; data?: Buffer; error?: ErrorObject }[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.events.flatMap(({ data }) => (data ? [data] : [])));
  }

  get text(): string {
    return this.bytes.toString("utf8");
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }
}

export class TestClient {
  readonly socket: WebSocket;
  /** Everything received except `pong`, in order. */
  readonly messages: Message[] = [];
  readonly texts: string[] = [];
  readonly streams = new Map<number, ReceivedStream>();
  readonly closed: Promise<{ code: number; reason: string }>;
  #nextId = 0;
  #nextStream = 0;
  #changed = Promise.withResolvers<void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => this.#receive(String(data)));
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        resolve({ code, reason: String(reason) });
        this.#change();
      });
    });
  }

  static async connect(url: string): Promise<TestClient> {
    const socket = new WebSocket(url, { maxPayload: 256 * 1024 * 1024 });
    const client = new TestClient(socket);
    await once(socket, "open");
    return client;
  }

  /** Sends a call and gives the whole response. */
  async request(method: string, params?: unknown): Promise<Message> {
    const id = this.#nextId++;
    this.send({ jsonrpc: "2.0", id, method, params });
    return await this.until(() => this.messages.find((message) => message.id === id));
  }

  /** Sends a call and gives its value. @throws {RpcFailure} for errors of either kind */
  async call(method: string, params: unknown = {}): Promise<Any> {
    const { result, error } = await this.request(method, params);
    if (error) throw new RpcFailure({ constructorName: "RpcError", message: error.message, code: String(error.code) });
    if (result!.error) throw new RpcFailure(result!.error);
    return result!.ok;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  notify(method: string, params: unknown): void {
    this.send({ jsonrpc: "2.0", method, params });
  }

  /** Announces one of this client's streams. */
  startStream(): number {
    const streamId = this.#nextStream++;
    this.notify(STREAM_METHODS.start, { streamId });
    return streamId;
  }

  enqueue(streamId: number, data: string | Uint8Array): void {
    this.notify(STREAM_METHODS.enqueue, { streamId, data: Buffer.from(data).toString("base64") });
  }

  endStream(streamId: number): void {
    this.notify(STREAM_METHODS.end, { streamId });
  }

  /** One of the server's streams, once something of it has arrived. */
  stream(id: number): ReceivedStream {
    let stream = this.streams.get(id);
    if (!stream) this.streams.set(id, (stream = new ReceivedStream()));
    return stream;
  }

  /** One of the server's streams, once it has ended. */
  async ended(id: number): Promise<ReceivedStream> {
    const stream = this.stream(id);
    await this.until(() => stream.kinds.includes("end"));
    return stream;
  }

  /** Runs a command to its end. */
  async run(command: string, args: string[] = [], params: object = {}) {
    const spawned = await this.call("spawn", { command, args, stdout: "piped", stderr: "piped", ...params });
    const status = await this.call("processWait", { pid: spawned.pid });
    const [stdout, stderr] = await Promise.all(
      [spawned.stdoutStreamId, spawned.stderrStreamId].map((id) => (id === null ? null : this.ended(id))),
    );
    return { ...spawned, status, stdout: stdout?.text, stderr: stderr?.text };
  }

  /** Waits until a condition on everything received gives a value, without polling. */
  async until<T>(look: () => T | undefined | false | null): Promise<T> {
    for (;;) {
      const found = look();
      if (found) return found;
      if (this.socket.readyState > WebSocket.OPEN) throw new Error("The socket was closed while waiting");
      await this.#changed.promise;
    }
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  #receive(text: string): void {
    this.texts.push(text);
    if (text !== "pong") {
      const message = JSON.parse(text) as Message;
      this.messages.push(message);
      if (message.method?.startsWith("$sandbox.stream.")) {
        const { streamId, data, error } = message.params;
        const kind = message.method.slice("$sandbox.stream.".length);
        this.stream(streamId).events.push({
          kind,
          ...(data !== undefined && { data: Buffer.from(data, "base64") }),
          ...(error && { error }),
        });
      }
    }
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** The error that answered a call. */
export class RpcFailure extends Error {
  readonly object: ErrorObject;
  constructor(object: ErrorObject) {
    super(`${object.constructorName}: ${object.message}`);
    this.object = object;
  }
}
