/** The near side of an exchange, whichever version of HTTP the guest speaks. */
import type { Readable } from "node:stream";
import type { HttpEvent } from "../../contract.ts";
import type { Header } from "../headers.ts";
import type { RequestHead } from "./request/request-checks.ts";

export interface GuestRequest {
  protocol: HttpEvent["protocol"];
  head: RequestHead;
  /** Null when there is none. */
  body: Readable | null;
  /** What was declared of the body's length in bytes: 0 for none, null for an unknown one. */
  length: number | null;
  trailers(): Header[];
  expectsContinue: boolean;
}

export interface ReplyHead {
  status: number;
  statusText: string;
  headers: Header[];
  /** Whether the guest's connection should end with this answer. */
  last: boolean;
}

/** The way back to the guest. */
export interface GuestReply {
  /** Whether the head has been sent. */
  readonly started: boolean;
  /** Aborted when the guest goes away. */
  readonly signal: AbortSignal;
  continue(): void;
  /** Sends an answer; resolves when all of it has been taken over. */
  send(head: ReplyHead, body: Readable | Buffer | null, trailers: () => Header[]): Promise<void>;
  /** Ends what cannot be finished so that the guest notices. */
  abort(): void;
}
