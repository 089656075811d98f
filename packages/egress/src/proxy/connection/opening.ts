/** Detects a connection's protocol from its first bytes. */
import type { Duplex } from "node:stream";
import { type ClientHello, mayBeTls, readClientHello } from "@sandkeep/common/tls";
import { MAX_FIRST_LINE_BYTES } from "../limits.ts";
import { isBlank, isRequestLine } from "./request-lines.ts";

/**
 * - `tls`, `http1`, `http2`: the protocol that the guest speaks.
 * - `raw`: the guest sent something else, or closed without sending anything.
 * - `upstream`: the upstream spoke first, as in SSH and many other protocols.
 * - `invalid`: it looks like one of the known protocols, but is malformed.
 */
export type Opening =
  | { kind: "tls"; hello: ClientHello }
  | { kind: "http1" | "http2" | "upstream" | "raw" }
  | { kind: "invalid"; reason: string };

/** The HTTP/2 client preface (RFC 9113 §3.4). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PRI"];
const LONGEST_METHOD = 7;
const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;

/**
 * Examines a guest's first bytes as they arrive. Anything that some server might read as a request counts as HTTP, so that the
 * strict parser can refuse it. Raw bytes are not checked for their target.
 */
export class Sniffer {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  /** Number of bytes needed for the next decision. */
  #wanted = 1;

  /** The opening, or null if more bytes are needed. */
  push(chunk: Buffer): Opening | null {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#wanted && !chunk.includes(LF)) return null;
    const bytes = this.bytes();
    if (mayBeTls(bytes)) return this.#tls(bytes);
    return this.#text(bytes);
  }

  /** The opening if no more bytes arrive. */
  finish(): Opening {
    if (this.#length === 0) return { kind: "raw" };
    return {
      kind: "invalid",
      reason: mayBeTls(this.bytes()) ? "an incomplete ClientHello" : "an incomplete request line",
    };
  }

  bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks));
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #tls(bytes: Buffer): Opening | null {
    const read = readClientHello(bytes);
    if (read.state === "done") return { kind: "tls", hello: read.hello };
    if (read.state === "invalid") return { kind: "invalid", reason: read.reason };
    this.#wanted = read.wanted;
    return null;
  }

  #text(bytes: Buffer): Opening | null {
    let start = 0;
    // Parsers skip empty lines before a request, and some skip spaces.
    while (start < bytes.length && [CR, LF, SPACE, TAB].includes(bytes[start]!)) start++;
    const end = bytes.indexOf(LF, start);
    if (end >= 0) {
      const line = bytes.subarray(start, end);
      if (!isRequestLine(line)) return { kind: "raw" };
      if (!line.toString("latin1").startsWith("PRI * HTTP/2.0")) return { kind: "http1" };
      if (bytes.length < PREFACE.length && PREFACE.subarray(0, bytes.length).equals(bytes)) {
        this.#wanted = PREFACE.length;
        return null;
      }
      return PREFACE.equals(bytes.subarray(0, PREFACE.length))
        ? { kind: "http2" }
        : { kind: "invalid", reason: "a malformed HTTP/2 preface" };
    }
    const word = bytes.toString("latin1", start, start + LONGEST_METHOD + 1);
    const mayBeMethod = (method: string) =>
      method.startsWith(word) || (word.startsWith(method) && isBlank(word.charCodeAt(method.length)));
    if (!METHODS.some(mayBeMethod)) return { kind: "raw" };
    if (bytes.length >= MAX_FIRST_LINE_BYTES) return { kind: "invalid", reason: "a first line that is too long" };
    // Examined again once it has grown by half or has a line end: linear work for a guest that sends byte by byte.
    this.#wanted = bytes.length < 64 ? bytes.length + 1 : bytes.length + (bytes.length >> 1);
    return null;
  }
}

/** Whether an upstream's first bytes are the SETTINGS frame that an HTTP/2 server sends unprompted (RFC 9113 §3.4). */
export function isSettingsFrame(bytes: Uint8Array): boolean {
  const expected = [null, null, null, 4, 0, 0, 0, 0, 0];
  return (
    bytes.length > 0 &&
    expected.every((byte, at) => byte === null || at >= bytes.length || bytes[at] === byte) &&
    (bytes[0] ?? 0) === 0 &&
    (bytes[1] ?? 0) === 0
  );
}

/**
 * Waits for the first bytes, and leaves them in the stream to be read again.
 *
 * @param upstream also watched, if given
 * @param timeoutMs starts with the guest's first byte; without an upstream, immediately
 */
export function readOpening(guest: Duplex, upstream: Duplex | null, timeoutMs: number): Promise<Opening> {
  return new Promise((resolve) => {
    const sniffer = new Sniffer();
    let timer: NodeJS.Timeout | undefined;
    const arm = () => (timer ??= setTimeout(() => finish(sniffer.finish()), timeoutMs));
    const finish = (opening: Opening) => {
      clearTimeout(timer);
      guest.off("readable", onGuest).off("end", onEnd).off("close", onEnd);
      upstream?.off("readable", onUpstream).off("end", onUpstreamEnd).off("close", onUpstreamEnd);
      const bytes = sniffer.bytes();
      if (bytes.length > 0 && !guest.readableEnded && !guest.destroyed) guest.unshift(bytes);
      resolve(opening);
    };
    const onGuest = () => {
      for (let chunk: Buffer | null; (chunk = guest.read()) !== null; ) {
        arm();
        const opening = sniffer.push(chunk);
        if (opening) return finish(opening);
      }
    };
    const onUpstream = () => {
      const chunk: Buffer | null = upstream!.read();
      if (chunk === null) return;
      upstream!.unshift(chunk);
      // The guest has not yet shown that it speaks HTTP/2.
      if (!isSettingsFrame(chunk)) finish({ kind: "upstream" });
      else upstream!.off("readable", onUpstream);
    };
    const onEnd = () => finish(sniffer.finish());
    const onUpstreamEnd = () => finish({ kind: "upstream" });
    guest.on("readable", onGuest).on("end", onEnd).on("close", onEnd);
    upstream?.on("readable", onUpstream).on("end", onUpstreamEnd).on("close", onUpstreamEnd);
    if (!upstream) arm();
    if (guest.destroyed || guest.readableEnded) onEnd();
    else if (upstream?.destroyed || upstream?.readableEnded) onUpstreamEnd();
  });
}
