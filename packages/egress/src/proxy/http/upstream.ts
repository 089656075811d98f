/** The upstream's side of an exchange, independent of the HTTP version. */
import type { Readable } from "node:stream";
import type { Header } from "@sandkeep/common/http";

export interface UpstreamRequest {
  method: string;
  scheme: "http" | "https";
  authority: string;
  /** With the query. */
  path: string;
  /** End-to-end headers, without those that name the host or frame the message. */
  headers: Header[];
  body: Readable | null;
  /** Length of the body in bytes; null if unknown. */
  length: number | null;
  /** Called when the body has ended. */
  trailers(): Header[];
  /** Whether to send `Expect: 100-continue` before the body (RFC 9110 §10.1.1). */
  expectsContinue: boolean;
  /** Called on a 100 response. */
  onContinue(): void;
  /** Whether the guest accepts trailers. */
  acceptsTrailers: boolean;
}

export interface UpstreamResponse {
  status: number;
  statusText: string;
  headers: Header[];
  body: Readable;
  /** Whether the response ended with its head, which HTTP/2 can signal (gRPC's "Trailers-Only"). */
  empty: boolean;
  /** The trailers, available once the body has ended. */
  trailers(): Header[];
  /** Whether the connection closes after this response. */
  last: boolean;
}

/** An HTTP connection to an upstream. Depending on the protocol it carries one request at a time or many. */
export interface UpstreamConnection {
  /** Resolves once the head of the final response has arrived. */
  request(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse>;
  /** Whether it accepts no more requests. */
  readonly closed: boolean;
  /** Called once when that becomes so. */
  onClose(listener: () => void): void;
  destroy(): void;
}
