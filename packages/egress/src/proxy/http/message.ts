/** The guest's side of an exchange, independent of the HTTP version: the request, and the way to respond. */
import type { Readable } from "node:stream";
import type { Header } from "@sandkeep/common/http";
import type { HttpEvent } from "../../contract.ts";
import type { RequestHead } from "./request/request-checks.ts";

export interface GuestRequest {
  protocol: HttpEvent["protocol"];
  head: RequestHead;
  /** Null if there is none. */
  body: Readable | null;
  /** Declared length of the body in bytes: 0 for no body, null if unknown. */
  length: number | null;
  trailers(): Header[];
  expectsContinue: boolean;
}

export interface ReplyHead {
  status: number;
  statusText: string;
  headers: Header[];
  /** Whether the guest's connection should close after this response. */
  last: boolean;
}

/** Sends the response to the guest. */
export interface GuestReply {
  /** Whether the head has been sent. */
  readonly started: boolean;
  /** Aborted when the guest disconnects. */
  readonly signal: AbortSignal;
  continue(): void;
  /** Sends a response. Resolves when all of it has been written. */
  send(head: ReplyHead, body: Readable | Buffer | null, trailers: () => Header[]): Promise<void>;
  /** Aborts a response that cannot be completed, so that the guest notices. */
  abort(): void;
}
