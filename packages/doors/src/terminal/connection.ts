import type { RawData, WebSocket } from "ws";
import type { z } from "zod";
import type { Farewell } from "./contract.ts";
import { FAREWELL_MS, MAX_BUFFERED_BYTES, PING_MS, SILENT_MS } from "./limits.ts";
import { CLOSE, type Hello, helloSchema, type PageMessage, pageMessageSchema, type ServerMessage } from "./messages.ts";

/** Who gets what a page sends. */
export interface Receiver {
  input(bytes: Buffer): void;
  message(message: PageMessage): void;
}

const UNRESPONSIVE: Farewell = { code: CLOSE.unresponsive, reason: "The page did not respond." };
const VIOLATION: Farewell = { code: CLOSE.violation, reason: "The page broke the protocol. Load it again." };

/** The WebSocket of a page. */
export class PageConnection {
  readonly remote: string;
  /** Resolves when it is closed: whether the page has said that it has got everything. */
  readonly closed: Promise<boolean>;
  /** The first message, or null if there is none. */
  readonly hello: Promise<Hello | null>;
  readonly #socket: WebSocket;
  readonly #greeted = Promise.withResolvers<Hello | null>();
  #awaitsHello = true;
  #receiver: Receiver | null = null;
  #heardAt = performance.now();

  constructor(socket: WebSocket, remote: string) {
    this.#socket = socket;
    this.remote = remote;
    this.hello = this.#greeted.promise;
    this.closed = new Promise((resolve) => socket.once("close", (code) => resolve(code === CLOSE.ended)));
    // Malformed frames and messages over the size limit: ws closes with the matching code by itself.
    socket.on("error", () => {});
    // ws itself would answer any number of pings, whether the answers are read or not.
    socket.on("ping", (data) => this.#open && socket.pong(data));
    socket.on("message", (data, isBinary) => this.#take(data, isBinary));
    const pulse = setInterval(() => this.#pulse(), PING_MS);
    void this.closed.then(() => {
      clearInterval(pulse);
      this.#greeted.resolve(null);
    });
  }

  /** From now on, somebody takes what the page sends. */
  serve(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  send(message: ServerMessage): void {
    this.#send(JSON.stringify(message));
  }

  print(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  /** What waits to be sent is sent before that, unless the page takes too long. */
  close({ code, reason }: Farewell): void {
    this.#receiver = null;
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    if (this.#open) this.#socket.close(code, reason);
    const cutOff = setTimeout(() => this.#socket.terminate(), FAREWELL_MS);
    void this.closed.then(() => clearTimeout(cutOff));
  }

  violation(): void {
    this.close(VIOLATION);
  }

  get #open(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#socket.bufferedAmount <= MAX_BUFFERED_BYTES) return true;
    this.#socket.terminate();
    return false;
  }

  #send(data: string | Uint8Array): void {
    // Its failure is followed by the event `close`.
    if (this.#open) this.#socket.send(data, () => {});
  }

  #pulse(): void {
    if (performance.now() - this.#heardAt > SILENT_MS) this.close(UNRESPONSIVE);
    else this.send({ type: "ping" });
  }

  #take(data: RawData, isBinary: boolean): void {
    // What arrives after we have closed it.
    if (!this.#open) return;
    this.#heardAt = performance.now();
    const bytes = data as Buffer;
    if (this.#awaitsHello) {
      this.#awaitsHello = false;
      const hello = isBinary ? null : parsed(bytes, helloSchema);
      if (!hello) this.violation();
      this.#greeted.resolve(hello);
    } else if (isBinary) this.#receiver?.input(bytes);
    else {
      const message = parsed(bytes, pageMessageSchema);
      if (message) this.#receiver?.message(message);
      else this.violation();
    }
  }
}

function parsed<Schema extends z.ZodType>(bytes: Buffer, schema: Schema): z.output<Schema> | null {
  try {
    return schema.parse(JSON.parse(bytes.toString("utf8")));
  } catch {
    return null;
  }
}
