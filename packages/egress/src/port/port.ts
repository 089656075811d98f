/** The proxy's end of one guest's egress port. */

import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { sayHello } from "@sandkeep/serial";
import type { ConnectionEvent } from "../contract.ts";
import type { Dialer } from "../dial/dialer.ts";
import { guestErrno } from "../dial/error.ts";
import { decideRoute } from "../dial/wanted.ts";
import { type HostRef, hostText } from "../policy/mod.ts";
import { type Shared, serveFlow } from "../proxy/mod.ts";
import { gathered } from "../proxy/streams/gathered.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { dnsContext, serveDns } from "./dns.ts";
import { type FlowRequest, parseFlowRequest } from "./flow-request.ts";
import { GuestFlow, refuse } from "./guest-flow.ts";
import { Pace } from "./pace.ts";
import { openUdp, relayUdp } from "./udp.ts";

/** How long a guest may take to answer the hello, milliseconds; generous, for busy hosts. */
const HELLO_TIMEOUT_MS = 30_000;
/** Unread bytes that one flow, and all flows together, may send. */
const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 32 * 1024 * 1024;
/** Larger than HTTP/2's default of 16 KiB: fewer frames cost an emulated guest less. */
const FRAME_BYTES = 64 * 1024;
/** Concurrent flows of one sandbox. */
const MAX_FLOWS = 8_192;
/** Concurrent UDP flows of one sandbox: each takes a socket on the host. */
const MAX_UDP_FLOWS = 256;
/** MiB that one HTTP/2 session may hold for its flows: a multiple of what all windows and headers need. */
const SESSION_MEMORY_MB = 256;
/** Flows that a guest may open in a burst, then per second: all sandboxes share the proxy's one thread. */
const FLOW_BURST = 4_000;
const FLOWS_PER_SECOND = 1_000;
/** Streams that a guest may reset in a burst, then per second: every name lookup is a stream, and killed programs leave many. */
const RESET_BURST = 20_000;
const RESETS_PER_SECOND = 2_000;
const DNS_PORT = 53;

export interface PortOptions {
  sandbox: Sandbox;
  /** Path of the Unix socket behind the machine's serial port. */
  socket: string;
  dialer: Dialer;
  shared: Shared;
  /** Called when the guest breaks the contract. */
  violation(detail: string): void;
  /** Called when the port closes for any reason other than disposal. */
  gone(reason: string): void;
}

/** Serves a guest until its port closes, or until disposed. */
export class Port implements Disposable {
  readonly #options: PortOptions;
  readonly #socket: Socket;
  readonly #dns: ReturnType<typeof dnsContext>;
  #session: ServerHttp2Session | null = null;
  readonly #pace = new Pace(FLOWS_PER_SECOND, FLOW_BURST);
  #udpFlows = 0;
  #disposed = false;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#dns = dnsContext(options.sandbox, options.dialer);
    this.#socket = connectSocket(options.socket);
    this.#socket.once("connect", () => void this.#begin().catch((error: Error) => this.#end(error.message)));
    this.#socket.once("error", (error) => this.#end(error.message));
    this.#socket.once("close", () => this.#end("the port closed"));
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#session?.destroy();
    this.#socket.destroy();
  }

  #end(reason: string): void {
    if (this.#disposed) return;
    this[Symbol.dispose]();
    this.#options.gone(reason);
  }

  async #begin(): Promise<void> {
    try {
      await sayHello(this.#socket, HELLO_TIMEOUT_MS);
    } catch (error) {
      return this.#end((error as Error).message);
    }
    if (this.#disposed) return;
    const session = performServerHandshake(this.#socket, {
      maxSessionMemory: SESSION_MEMORY_MB,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
      settings: {
        initialWindowSize: STREAM_WINDOW,
        maxFrameSize: FRAME_BYTES,
        maxConcurrentStreams: MAX_FLOWS,
        enablePush: false,
      },
    });
    this.#session = session;
    session.setLocalWindowSize(CONNECTION_WINDOW);
    session.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_HTTP2_ERROR" || error.code === "ERR_HTTP2_SESSION_ERROR")
        this.#options.violation(`http/2: ${error.message}`);
      this.#end(error.message);
    });
    session.once("close", () => this.#end("the session closed"));
    session.on("stream", (stream, headers) => {
      // Guests reset streams at any time.
      gathered(stream).on("error", () => {});
      const request = parseFlowRequest(headers);
      if (!request) {
        this.#options.violation("a request that is not in the egress port's contract");
        return this.#end("violation");
      }
      this.#serve(stream, request).catch(() => stream.destroy());
    });
  }

  async #serve(stream: ServerHttp2Stream, request: FlowRequest): Promise<void> {
    const { sandbox, shared } = this.#options;
    const wait = this.#pace.take();
    if (wait > 0) await delay(wait);
    await sandbox.room();
    if (stream.destroyed) return;
    if (request.port === DNS_PORT) {
      stream.respond({ ":status": 200 });
      return serveDns(stream, this.#dns, request.protocol === "udp");
    }
    const meaning = sandbox.names.meaningOf(request.address);
    // The name behind this synthetic address has been evicted. A guess could dial something nobody asked for.
    if (meaning.kind === "forgotten") return refuse(stream, "EHOSTUNREACH");
    const host: HostRef = meaning.kind === "name" ? { name: meaning.name } : { address: request.address };
    if (request.protocol === "udp") return this.#serveUdp(stream, host, request);
    const flow = new GuestFlow(sandbox, host, request, stream);
    await serveFlow(flow, shared);
  }

  async #serveUdp(stream: ServerHttp2Stream, host: HostRef, { port, process }: FlowRequest): Promise<void> {
    const { sandbox, dialer } = this.#options;
    const began = performance.now();
    const event: ConnectionEvent = {
      kind: "connection",
      at: Date.now(),
      durationMs: 0,
      verdict: "denied",
      rule: null,
      reason: null,
      process,
      protocol: "udp",
      host: hostText(host),
      port,
      address: null,
      bytesUp: 0,
      bytesDown: 0,
    };
    const gone = new AbortController();
    stream.once("close", () => gone.abort());
    try {
      const wanted = sandbox.wanted(host, port, "udp");
      const { allowed, reason, rule } =
        this.#udpFlows < MAX_UDP_FLOWS
          ? wanted.decide()
          : { allowed: false, reason: `The sandbox already has ${MAX_UDP_FLOWS} UDP flows.`, rule: null };
      if (!allowed) {
        Object.assign(event, { reason, rule });
        return refuse(stream, "ECONNREFUSED");
      }
      this.#udpFlows++;
      try {
        const route = await dialer.datagramRoute(wanted, gone.signal);
        const address = route.addresses[0]!;
        event.address = address.text;
        const release = wanted.hold(
          () => decideRoute(wanted, route.fixed ? null : address),
          (why) => {
            event.reason = why.reason;
            stream.destroy();
          },
        );
        try {
          const socket = await openUdp(address, route.port);
          if (stream.destroyed) return void socket.close();
          stream.respond({ ":status": 200 });
          event.verdict = "allowed";
          await relayUdp(stream, socket, event);
        } finally {
          release();
        }
      } catch (error) {
        const {
          denied = false,
          errno = "EHOSTUNREACH",
          message,
        } = error as { denied?: boolean; errno?: string; message: string };
        event.verdict = denied ? "denied" : "failed";
        event.reason = message;
        refuse(stream, errno === "ECONNREFUSED" || denied ? "ECONNREFUSED" : guestErrno({ code: errno }));
      } finally {
        this.#udpFlows--;
      }
    } finally {
      await sandbox.report({ ...event, durationMs: performance.now() - began });
    }
  }
}
