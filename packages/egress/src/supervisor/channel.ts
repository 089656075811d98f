/** The host's end of the connection to one proxy process. Whatever the process says, or does not read, costs the host a bounded amount. */
import type { Duplex } from "node:stream";
import type { FromProxy, ToProxy } from "../contract.ts";
import { Pace } from "../port/pace.ts";
import { readLines, writeLine } from "./lines.ts";
import { fromProxySchema } from "./messages.ts";

/** Longest message of a proxy, bytes. An event with everything at its limit has about 100 KB. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Messages whose handling is not finished, bytes. Beyond that the host stops reading, and the proxy has to wait. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/**
 * Units that a proxy may use in a burst, then per second: one for each message, and one for each {@link UNIT_BYTES} of it. Beyond that the
 * host reads later, so that a proxy that talks without end leaves the server's processor to others. The busiest proxy sends a few
 * thousand events per second.
 */
const BURST = 40_000;
const PER_SECOND = 20_000;
const UNIT_BYTES = 1_024;
/** What a proxy has not read yet, bytes; one that leaves more unread is broken. The specs of all its sandboxes fit in. */
const MAX_UNREAD_BYTES = 256 * 1024 * 1024;

export class Channel {
  readonly #stream: Duplex;
  readonly #pace: Pace;
  #pending = 0;
  #rest: NodeJS.Timeout | null = null;
  #draining = false;

  /**
   * @param take handles a message; until its promise resolves, the message counts as pending
   * @param broken called when the process has broken the contract; the channel is closed then
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    stream: Duplex,
    take: (message: FromProxy) => Promise<void> | void,
    broken: (why: string) => void,
    now?: () => number,
  ) {
    this.#stream = stream;
    this.#pace = new Pace(PER_SECOND, BURST, now);
    stream.on("error", (error) => broken(error.message));
    // The other end closed: nothing written from now on would be read.
    stream.once("end", () => stream.destroy());
    const handle = (message: unknown, length: number) => {
      this.#slow(length);
      const parsed = fromProxySchema.safeParse(message);
      if (!parsed.success) throw new Error("it sent a message that is not in the contract");
      const handling = take(parsed.data);
      if (handling) void this.#hold(length, handling);
    };
    readLines<unknown>(stream, handle, MAX_MESSAGE_BYTES);
  }

  send(message: ToProxy): void {
    writeLine(this.#stream, message);
    if (this.#stream.writableLength > MAX_UNREAD_BYTES)
      this.#stream.destroy(new Error("it does not read its messages"));
  }

  /** The process is gone: reads what it said last, whatever is pending. */
  drain(): void {
    this.#draining = true;
    this.#pauseOrResume();
  }

  close(): void {
    clearTimeout(this.#rest ?? undefined);
    this.#stream.destroy();
  }

  async #hold(length: number, handling: Promise<void>): Promise<void> {
    this.#pending += length;
    this.#pauseOrResume();
    await handling.catch(() => {});
    this.#pending -= length;
    this.#pauseOrResume();
  }

  /** Rests when messages come faster than they may. */
  #slow(length: number): void {
    const wait = this.#pace.take(1 + length / UNIT_BYTES);
    if (wait === 0 || this.#rest) return;
    this.#rest = setTimeout(() => {
      this.#rest = null;
      this.#pauseOrResume();
    }, wait);
    this.#rest.unref();
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    if (!this.#draining && (this.#pending > MAX_PENDING_BYTES || this.#rest)) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }
}
