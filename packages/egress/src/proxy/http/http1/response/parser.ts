/** Incremental parser for one HTTP/1 response: lenient, with limits. */
import type { Header } from "@sandkeep/common/http";
import { MAX_CHUNK_LINE_BYTES, MAX_HEADER_BYTES, MAX_HEADERS, MAX_INTERIM } from "../../../limits.ts";
import { Refusal } from "../../../refusal.ts";
import { readFields } from "./fields.ts";
import { maybeStatusLine, type ResponseHead, readResponseHead, readStatusLine } from "./head.ts";

export interface ResponseEvents {
  /** An interim response (1xx other than 101). */
  interim(status: number): void;
  /** The head of the final response, or of a 101. */
  head(head: ResponseHead): void;
  data(chunk: Buffer): void;
  /** The response is complete. Never called after a 101. */
  end(trailers: Header[]): void;
}

type State = "head" | "chunk-size" | "chunk-end" | "trailers" | "length" | "chunk" | "close" | "done";

const LF = 10;
const SWITCHING_PROTOCOLS = 101;
/** Whitespace around the size is not in the grammar, but many servers pad it. Extensions are ignored. */
const CHUNK_SIZE = /^[ \t]*0*([0-9a-f]{1,13})[ \t]*(?:;|$)/i;

export class ResponseParser {
  readonly #method: string;
  readonly #events: ResponseEvents;
  #state: State = "head";
  #interim = 0;
  /** Remaining bytes of a body with a length, or of a chunk. */
  #left = 0;
  /** The current block of lines. */
  #lines: string[] = [];
  #blockBytes = 0;
  #partial = "";
  /** Body pieces from the current call of `push`. */
  #pieces: Buffer[] = [];

  /** @param method the request's method: responses to HEAD have no body */
  constructor(method: string, events: ResponseEvents) {
    this.#method = method;
    this.#events = events;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Parses more bytes.
   *
   * @returns how many of them belong to the response: fewer than given only if it is complete
   * @throws {Refusal} if the response is invalid or exceeds a limit
   */
  push(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#state !== "done")
      at = this.#takesBytes() ? this.#bytes(chunk, at) : this.#untilLineEnd(chunk, at);
    this.#give();
    return at;
  }

  /**
   * Ends the input.
   *
   * @throws {Error} if the response is incomplete
   */
  finish(): void {
    // Some servers omit the empty line after the last chunk.
    if (this.#state === "close" || this.#state === "trailers") return this.#end([]);
    if (this.#state !== "done")
      throw Object.assign(new Error("The upstream ended the exchange before its response was complete."), {
        code: "ECONNRESET",
      });
  }

  #takesBytes(): boolean {
    return this.#state === "length" || this.#state === "chunk" || this.#state === "close";
  }

  #bytes(chunk: Buffer, at: number): number {
    const to = this.#state === "close" ? chunk.length : Math.min(chunk.length, at + this.#left);
    this.#left -= to - at;
    this.#pieces.push(at === 0 && to === chunk.length ? chunk : chunk.subarray(at, to));
    if (this.#state !== "close" && this.#left === 0) {
      if (this.#state === "length") this.#end([]);
      else this.#state = "chunk-end";
    }
    return to;
  }

  /** Joins what arrived together: many one-byte chunks would use a hundred times as much memory. */
  #give(): void {
    if (this.#pieces.length === 0) return;
    const data = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#events.data(data);
  }

  #untilLineEnd(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(LF, at);
    const to = found < 0 ? chunk.length : found;
    this.#count(to + 1 - at);
    this.#partial += chunk.toString("latin1", at, to);
    if (found < 0) {
      if (
        this.#state === "head" &&
        this.#lines.length === 0 &&
        this.#partial !== "\r" &&
        !maybeStatusLine(this.#partial)
      )
        readStatusLine(this.#partial);
      return to;
    }
    const line = this.#partial.endsWith("\r") ? this.#partial.slice(0, -1) : this.#partial;
    this.#partial = "";
    this.#line(line);
    return found + 1;
  }

  #count(bytes: number): void {
    this.#blockBytes += bytes;
    const block = this.#state === "head" || this.#state === "trailers";
    if (this.#blockBytes <= (block ? MAX_HEADER_BYTES : MAX_CHUNK_LINE_BYTES)) return;
    throw Refusal.failed(
      block
        ? `The headers of the upstream's response are longer than ${MAX_HEADER_BYTES} bytes.`
        : "A chunk of the upstream's response has a size that is too long.",
    );
  }

  #line(line: string): void {
    switch (this.#state) {
      case "head":
      case "trailers":
        return this.#blockLine(line);
      case "chunk-size":
        return this.#chunkSize(line);
      default:
        if (line !== "") throw Refusal.failed("A chunk of the upstream's response is longer than its size.");
        this.#begin("chunk-size");
    }
  }

  #blockLine(line: string): void {
    if (line !== "") {
      if (this.#state === "head" && this.#lines.length === 0) readStatusLine(line);
      this.#lines.push(line);
      if (this.#lines.length > MAX_HEADERS + 1)
        throw Refusal.failed(`The upstream's response has more than ${MAX_HEADERS} headers.`);
      return;
    }
    // Empty lines before a response belong to the previous one.
    if (this.#state === "head" && this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    if (this.#state === "trailers") return this.#end(readFields(lines));
    this.#head(readResponseHead(lines, this.#method));
  }

  #head(head: ResponseHead): void {
    if (head.status < 200 && head.status !== SWITCHING_PROTOCOLS) {
      if (++this.#interim > MAX_INTERIM) throw Refusal.failed("The upstream sent too many interim responses.");
      this.#begin("head");
      return this.#events.interim(head.status);
    }
    const { framing } = head;
    this.#left = framing.kind === "length" ? framing.bytes : 0;
    const empty = framing.kind === "none" || (framing.kind === "length" && framing.bytes === 0);
    this.#begin(
      empty ? "done" : framing.kind === "chunked" ? "chunk-size" : framing.kind === "length" ? "length" : "close",
    );
    this.#events.head(head);
    if (empty && head.status !== SWITCHING_PROTOCOLS) this.#events.end([]);
  }

  #chunkSize(line: string): void {
    const size = CHUNK_SIZE.exec(line)?.[1];
    if (size === undefined) throw Refusal.failed("A chunk of the upstream's response has a size that is not a number.");
    this.#left = parseInt(size, 16);
    this.#begin(this.#left === 0 ? "trailers" : "chunk");
  }

  #begin(state: State): void {
    this.#state = state;
    this.#blockBytes = 0;
  }

  #end(trailers: Header[]): void {
    this.#begin("done");
    this.#give();
    this.#events.end(trailers);
  }
}
