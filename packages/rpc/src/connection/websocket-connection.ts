import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import type { Logger } from "@sandkeep/common";
import type { RawData, WebSocket } from "ws";
import type { Closing, MessageConnection, TcpEndpoints } from "./connection.ts";

/** A connection over an accepted WebSocket. */
export class WebSocketConnection implements MessageConnection {
  readonly id: string = randomUUID();
  readonly remote: string;
  readonly closed: Promise<Closing>;
  readonly #socket: WebSocket;
  readonly #transport: Socket;
  #closing: Closing | null = null;
  #cutOff: { at: number; timer: NodeJS.Timeout } | null = null;
  #unfinished = 0;
  #take: (bytes: Buffer, isText: boolean) => void = () => {};
  #tellUnfinished: (bytes: number) => void = () => {};

  /** @param transport What the WebSocket runs on. */
  constructor(socket: WebSocket, transport: Socket, log: Logger) {
    this.#socket = socket;
    this.#transport = transport;
    this.remote = transport.remoteAddress ?? "unknown";
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => {
        clearTimeout(this.#cutOff?.timer);
        this.#setUnfinished(0);
        // A client that is cut off after our close does not repeat our reason.
        resolve(this.#closing ?? { code, reason: reason.toString("utf8") });
      });
    });
    transport.on("data", (chunk: Buffer) => this.#setUnfinished(this.#unfinished + chunk.length));
    socket.on("message", (data, isBinary) => {
      this.#setUnfinished(0);
      if (this.open) this.#take(bytesOf(data), !isBinary);
    });
    // Malformed frames, invalid UTF-8 and messages over the size limit: ws closes with the matching code by itself.
    socket.on("error", (error) => log.debug({ err: error }, "websocket failed"));
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  get endpoints(): TcpEndpoints {
    return this.#transport;
  }

  get receivedBytes(): number {
    return this.#transport.bytesRead;
  }

  get sentBytes(): number {
    return this.#transport.bytesWritten - this.#transport.writableLength;
  }

  get waitingBytes(): number {
    return this.#transport.writableLength;
  }

  get paused(): boolean {
    return this.#socket.isPaused;
  }

  send(text: string, sent: () => void): void {
    this.#socket.send(text, () => sent());
  }

  onMessage(take: (bytes: Buffer, isText: boolean) => void): void {
    this.#take = take;
  }

  onUnfinished(tell: (bytes: number) => void): void {
    this.#tellUnfinished = tell;
  }

  pause(): void {
    if (this.open) this.#socket.pause();
  }

  resume(): void {
    if (this.open) this.#socket.resume();
  }

  /** Sends a WebSocket ping, which every client answers (RFC 6455, section 5.5.3). */
  probe(): void {
    if (this.open) this.#socket.ping();
  }

  close(code: number, reason: string, graceMs: number): void {
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    if (this.open) {
      this.#closing = { code, reason };
      // A socket that is not read never sees the answer to its close.
      this.#socket.resume();
      this.#socket.close(code, reason);
    }
    this.#cutOffWithin(graceMs);
  }

  #cutOffWithin(ms: number): void {
    if (ms <= 0) return this.#socket.terminate();
    const at = performance.now() + ms;
    if (this.#cutOff && this.#cutOff.at <= at) return;
    clearTimeout(this.#cutOff?.timer);
    this.#cutOff = { at, timer: setTimeout(() => this.#socket.terminate(), ms).unref() };
  }

  #setUnfinished(bytes: number): void {
    if (bytes === this.#unfinished) return;
    this.#unfinished = bytes;
    this.#tellUnfinished(bytes);
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}
