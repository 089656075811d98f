/** A guest's TCP flow on the egress port. */

import { constants, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import type { HostRef } from "../policy/mod.ts";
import type { Flow } from "../proxy/connection/flow.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { ERRNO_HEADER } from "./contract.ts";
import type { FlowRequest } from "./flow-request.ts";

/** HTTP status of refusals; the errno has the details. */
const REFUSED_STATUS = 502;

export class GuestFlow implements Flow {
  readonly sandbox: Sandbox;
  readonly host: HostRef;
  readonly port: number;
  readonly process: FlowRequest["process"];
  readonly signal: AbortSignal;
  readonly #stream: ServerHttp2Stream;

  constructor(sandbox: Sandbox, host: HostRef, request: FlowRequest, stream: ServerHttp2Stream) {
    this.sandbox = sandbox;
    this.host = host;
    this.port = request.port;
    this.process = request.process;
    this.#stream = stream;
    const gone = new AbortController();
    this.signal = gone.signal;
    stream.once("close", () => gone.abort());
  }

  accept(): Duplex {
    if (!this.#stream.destroyed) this.#stream.respond({ ":status": 200 });
    return this.#stream;
  }

  refuse(errno: string): void {
    refuse(this.#stream, errno);
  }
}

/** Refuses a flow, with the errno that the guest's program gets. */
export function refuse(stream: ServerHttp2Stream, errno: string): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) return stream.close(constants.NGHTTP2_CONNECT_ERROR);
  stream.respond({ ":status": REFUSED_STATUS, [ERRNO_HEADER]: errno }, { endStream: true });
  // Discards what the guest still sends.
  stream.resume();
}
