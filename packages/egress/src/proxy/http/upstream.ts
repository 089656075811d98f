/** The far side of an exchange, whichever version of HTTP it speaks. */
import type { Readable } from "node:stream";
import type { Header } from "../headers.ts";

export interface UpstreamRequest {
  method: string;
  scheme: "http" | "https";
  authority: string;
  /** With the query. */
  path: string;
  /** End-to-end headers only: without those that name the host or frame the message. */
  headers: Header[];
  body: Readable | null;
  /** Of the body in bytes; null when it is not known. */
  length: number | null;
  /** Asked for when the body has ended. */
  trailers(): Header[];
  /** Whether the upstream is asked for leave to send the body (RFC 9110 §10.1.1). */
  expectsContinue: boolean;
  /** Called when it gives leave. */
  onContinue(): void;
  /** Whether trailers are welcome. */
  acceptsTrailers: boolean;
}

export interface UpstreamResponse {
  status: number;
  statusText: string;
  headers: Header[];
  body: Readable;
  /** Whether the answer ended with its head, which HTTP/2 can say (gRPC's "Trailers-Only"). */
  empty: boolean;
  /** Of the body, once it has ended. */
  trailers(): Header[];
  /** Whether the connection ends with this answer. */
  last: boolean;
}

/** A connection to an upstream that carries requests, one at a time or many, as its protocol has it. */
export interface UpstreamConnection {
  /** Resolves with the head of the final answer. */
  request(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse>;
  /** Whether it takes no more requests. */
  readonly closed: boolean;
  /** Called once when that becomes so. */
  onClose(listener: () => void): void;
  destroy(): void;
}
