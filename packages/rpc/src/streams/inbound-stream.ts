/** Byte streams from a client to the server. Data is buffered until a call names the stream (wire-protocol §6). */
import { decodeBase64, type ErrorObject } from "@sandkeep/protocol";
import { ApplicationError, applicationError } from "../errors.ts";

/** What a stream reports to the table that holds it. */
interface Owner {
  held(stream: InboundStream, bytes: number): void;
  over(stream: InboundStream): void;
  cancelled(stream: InboundStream, reason: ErrorObject): void;
}

/** One stream from a client, read by at most one call. */
export class InboundStream {
  readonly id: number;
  readonly #owner: Owner;
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  #state: "open" | "ended" | "failed" | "cancelled" = "open";
  #error: Error | null = null;
  #wake: (() => void) | null = null;
  claimed = false;

  constructor(id: number, owner: Owner) {
    this.id = id;
    this.#owner = owner;
  }

  /** Whether more may come. */
  get open(): boolean {
    return this.#state === "open";
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Receives the client's data. */
  push(bytes: Buffer): void {
    if (this.#state !== "open" || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#hold(bytes.length);
    this.#wake?.();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#wake?.();
  }

  /** The client's stream failed: its reader fails with this error. */
  fail(error: Error): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = error;
    this.#drop();
    this.#wake?.();
  }

  /** Tells the client that nobody reads this stream any more. */
  cancel(reason: ErrorObject): void {
    const tell = this.#state === "open";
    this.discard();
    if (tell) this.#owner.cancelled(this, reason);
  }

  /**
   * Nobody reads this any more, and the client need not know: what it keeps sending is discarded. A cancel would fail a
   * client's `pipeTo` into the input of a process that has ended normally.
   */
  discard(): void {
    if (this.#state === "cancelled") return;
    this.#state = "cancelled";
    this.#drop();
    this.#owner.over(this);
    this.#wake?.();
  }

  /**
   * The chunks as they come; ends with the stream, or when it is cancelled.
   * @throws {ApplicationError} what the client's stream failed with
   */
  async *chunks(): AsyncGenerator<Buffer, void, void> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        yield chunk;
        this.#hold(-chunk.length);
      } else if (this.#state === "open") {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = null;
      } else {
        this.#owner.over(this);
        if (this.#error) throw this.#error;
        return;
      }
    }
  }

  #hold(bytes: number): void {
    // After a cancel or failure everything held was already given back, the chunk under way included.
    if (this.#state === "cancelled" || this.#state === "failed") return;
    this.#heldBytes += bytes;
    this.#owner.held(this, bytes);
  }

  #drop(): void {
    this.#chunks = [];
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    this.#owner.held(this, -bytes);
  }
}

/** What the table of streams needs from its connection. */
export interface InboundHost {
  /** Sends `cancel` for a client's stream. */
  sendCancel(id: number, reason: ErrorObject): void;
  /** Stops or resumes reading the socket. */
  setPaused(paused: boolean): void;
  /** The client exceeded a limit that backpressure cannot enforce. */
  overflow(reason: string): void;
}

export interface InboundLimits {
  unclaimedStreamBytes: number;
  unclaimedBytes: number;
  unclaimedStreams: number;
  claimedHighBytes: number;
  claimedLowBytes: number;
}

/** The streams of one client. */
export class InboundStreams implements Owner {
  readonly #host: InboundHost;
  readonly #limits: InboundLimits;
  readonly #streams = new Map<number, InboundStream>();
  #claimedBytes = 0;
  #unclaimedBytes = 0;
  #unclaimed = 0;
  #paused = false;

  constructor(host: InboundHost, limits: InboundLimits) {
    this.#host = host;
    this.#limits = limits;
  }

  start(id: number): void {
    if (this.#streams.has(id)) return;
    if (++this.#unclaimed > this.#limits.unclaimedStreams) {
      return this.#host.overflow(`more than ${this.#limits.unclaimedStreams} streams that no call has named`);
    }
    this.#streams.set(id, new InboundStream(id, this));
  }

  /** Data for unknown streams is ignored: some clients keep sending after a cancel. */
  enqueue(id: number, data: string): void {
    const stream = this.#streams.get(id);
    if (!stream?.open) return;
    const { unclaimedStreamBytes, unclaimedBytes } = this.#limits;
    if (!stream.claimed && (stream.heldBytes > unclaimedStreamBytes || this.#unclaimedBytes > unclaimedBytes)) {
      return this.#host.overflow("too much data for streams that no call has named");
    }
    const bytes = decodeBase64(data);
    if (bytes) return stream.push(bytes);
    const error = { constructorName: "TypeError", message: `Stream ${id} holds malformed base64` };
    stream.fail(new ApplicationError(error));
    this.#host.sendCancel(id, error);
  }

  end(id: number): void {
    this.#streams.get(id)?.end();
  }

  fail(id: number, error: ErrorObject): void {
    this.#streams.get(id)?.fail(new ApplicationError(error));
  }

  /** Gives the stream to the call that names it. @throws {ApplicationError} if there is none, or it is already taken */
  claim(id: number): InboundStream {
    const stream = this.#streams.get(id);
    if (!stream || stream.claimed) throw applicationError("TypeError", `There is no stream ${id} to read from`);
    stream.claimed = true;
    this.#unclaimed--;
    this.#unclaimedBytes -= stream.heldBytes;
    this.#claimedBytes += stream.heldBytes;
    this.#pace();
    return stream;
  }

  held(stream: InboundStream, bytes: number): void {
    if (!stream.claimed) {
      this.#unclaimedBytes += bytes;
      return;
    }
    this.#claimedBytes += bytes;
    this.#pace();
  }

  over(stream: InboundStream): void {
    this.#streams.delete(stream.id);
  }

  cancelled(stream: InboundStream, reason: ErrorObject): void {
    this.#host.sendCancel(stream.id, reason);
  }

  /** The connection has ended: readers of its streams fail. */
  close(): void {
    for (const stream of [...this.#streams.values()])
      stream.fail(new ApplicationError({ constructorName: "Error", message: "The connection was closed" }));
    this.#streams.clear();
  }

  #pace(): void {
    if (!this.#paused && this.#claimedBytes > this.#limits.claimedHighBytes)
      this.#host.setPaused((this.#paused = true));
    else if (this.#paused && this.#claimedBytes <= this.#limits.claimedLowBytes)
      this.#host.setPaused((this.#paused = false));
  }
}
