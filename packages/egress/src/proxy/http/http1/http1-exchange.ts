/** One request and its response on an HTTP/1 connection to an upstream. */
import { type Duplex, Readable } from "node:stream";
import { endToEnd, type Header } from "@sandkeep/common/http";
import type { UpstreamRequest, UpstreamResponse } from "../upstream.ts";
import type { RequestBody } from "./request-body.ts";
import type { ResponseHead } from "./response/head.ts";
import { ResponseParser } from "./response/parser.ts";

const CONTINUE = 100;
const SWITCHING_PROTOCOLS = 101;

export class Http1Exchange {
  /** The final response as soon as its head has arrived; "switched" if it is a 101. */
  readonly response: Promise<UpstreamResponse | "switched">;
  /** Resolves when request and response are complete, or the exchange has failed. Never rejects. */
  readonly over: Promise<void>;
  head: ResponseHead | null = null;
  readonly #socket: Duplex;
  readonly #sink: RequestBody | null;
  readonly #parser: ResponseParser;
  readonly #body: Readable;
  readonly #resolve: (response: UpstreamResponse | "switched") => void;
  readonly #reject: (error: Error) => void;
  readonly #finish: () => void;
  #sent: boolean;
  #failed = false;
  #trailers: Header[] = [];

  constructor(socket: Duplex, sink: RequestBody | null, { method, onContinue }: UpstreamRequest) {
    const response = Promise.withResolvers<UpstreamResponse | "switched">();
    const over = Promise.withResolvers<void>();
    this.response = response.promise;
    this.over = over.promise;
    this.#socket = socket;
    this.#sink = sink;
    this.#resolve = response.resolve;
    this.#reject = response.reject;
    this.#finish = over.resolve;
    this.#sent = sink === null;
    this.#body = new Readable({
      // What has to wait does so in the connection's own buffer.
      highWaterMark: 1,
      read: () => void socket.resume(),
      destroy: (error, done) => {
        // The rest is not wanted, and without reading it the next response cannot be found.
        if (!this.#parser.done) this.fail(error ?? new Error("The response is no longer wanted."));
        done(error);
      },
    });
    this.#body.on("error", () => undefined);
    this.#parser = new ResponseParser(method, {
      interim: (status) => status === CONTINUE && onContinue(),
      head: (head) => this.#respond(head),
      data: (chunk) => void (this.#body.push(chunk) || socket.pause()),
      end: (trailers) => this.#received(trailers),
    });
    sink?.once("finish", () => {
      this.#sent = true;
      this.#settle();
    });
    sink?.once("error", (error) => this.fail(error));
  }

  get switched(): boolean {
    return this.head?.status === SWITCHING_PROTOCOLS;
  }

  /** Takes bytes from the connection and returns how many of them belonged to the response. Never throws. */
  take(chunk: Buffer): number {
    if (this.#failed) return chunk.length;
    try {
      return this.#parser.push(chunk);
    } catch (error) {
      this.fail(error as Error);
      return chunk.length;
    }
  }

  /** The connection has ended. */
  end(): void {
    try {
      this.#parser.finish();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** Aborts the exchange and closes the connection. Parts that are already complete remain so. */
  fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#reject(error);
    if (!this.#parser.done) this.#body.destroy(error);
    this.#sink?.destroy();
    this.#socket.destroy();
    this.#finish();
  }

  #respond(head: ResponseHead): void {
    this.head = head;
    if (this.switched) return this.#resolve("switched");
    const { status, statusText, headers, last } = head;
    this.#resolve({
      status,
      statusText,
      headers: endToEnd(headers),
      body: this.#body,
      empty: false,
      trailers: () => this.#trailers,
      last,
    });
  }

  #received(trailers: Header[]): void {
    this.#trailers = trailers;
    this.#body.push(null);
    // It may have been paused for a slow reader of the body.
    this.#socket.resume();
    this.#settle();
  }

  #settle(): void {
    if (!this.#parser.done || this.switched) return;
    if (this.head!.last) this.#socket.destroy();
    else if (this.#sent) this.#finish();
  }
}
