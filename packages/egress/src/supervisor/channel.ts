/** The host's end of the connection to one proxy process. Whatever the process says, or does not read, costs the host a bounded amount. */
import type { Duplex } from "node:stream";
import type { FromProxy, ToProxy } from "../contract.ts";
import { Pace } from "../port/pace.ts";
import { readLines, writeLine } from "./lines.ts";
import { fromProxySchema } from "./messages.ts";

/** Longest message of a proxy, bytes. An event with everything at its limit has about 150 KB, and a line of its log 100 KB. */
const MAX_MESSAGE_BYTES = 256 * 1024;
/** Messages whose handling is not finished, bytes. Beyond that the host stops reading, and the proxy has to wait. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;
/** What the host keeps for a message while it is handled, whatever its length, bytes. */
const PENDING_BYTES = 1_024;
/** Answers that the proxy has not read yet, bytes. Beyond that the host stops reading: a proxy that works never stops. */
const MAX_UNREAD_ANSWERS_BYTES = 4 * 1024 * 1024;
/**
 * Units that a proxy may use in a burst, then per second: one for each message, and one for each {@link UNIT_BYTES} of it. Beyond that the
 * host reads later, so that a proxy that talks without end leaves the server's processor to others. The busiest proxy sends a few
 * thousand events per second.
 */
const BURST = 40_000;
const PER_SECOND = 20_000;
const UNIT_BYTES = 1_024;
/**
 * The server's time that a proxy may use, milliseconds: in a burst, then per second. A message costs what is in it, not only its length: JSON
 * of many small objects takes a hundred times as long as text.
 */
const BURST_MS = 2_000;
const MS_PER_SECOND = 250;
/** What a proxy has not read yet, bytes; one that leaves more unread is broken. The specs of all its sandboxes fit in. */
const MAX_UNREAD_BYTES = 256 * 1024 * 1024;

export class Channel {
  readonly #stream: Duplex;
  readonly #now: () => number;
  readonly #pace: Pace;
  readonly #time: Pace;
  #pending = 0;
  #unread = 0;
  /** Ends when the proxy may be heard again. */
  #rest: NodeJS.Timeout | null = null;
  /** When it ends; the longer of two rests counts. */
  #restEnds = 0;
  #draining = false;
  #closed = false;

  /**
   * @param take handles a message; until its promise resolves, the message counts as pending
   * @param broken called when the process has broken the contract or closed its end; the channel is closed then
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    stream: Duplex,
    take: (message: FromProxy) => Promise<void> | void,
    broken: (why: string) => void,
    now = () => performance.now(),
  ) {
    this.#stream = stream;
    this.#now = now;
    this.#pace = new Pace(PER_SECOND, BURST, now);
    this.#time = new Pace(MS_PER_SECOND, BURST_MS, now);
    stream.on("error", (error) => broken(error.message));
    // The other end closed: nothing written from now on would be read.
    stream.once("end", () => stream.destroy());
    // Without its connection the process serves nobody, even if it lives on.
    stream.once("close", () => this.#closed || broken("it closed its connection"));
    const handle = (message: unknown, length: number) => {
      this.#restFor(this.#pace.take(1 + length / UNIT_BYTES));
      const parsed = fromProxySchema.safeParse(message);
      if (!parsed.success) throw new Error("it sent a message that is not in the contract");
      const handling = take(parsed.data);
      if (handling) void this.#hold(length + PENDING_BYTES, handling);
    };
    readLines<unknown>(stream, handle, MAX_MESSAGE_BYTES, (work) => this.#timed(work));
  }

  send(message: ToProxy): void {
    writeLine(this.#stream, message);
    this.#checkUnread();
  }

  /** Sends what the process has caused by something that it said: it is heard again when it has read enough of that. */
  answer(message: ToProxy): void {
    const length = writeLine(this.#stream, message, () => {
      this.#unread -= length;
      this.#pauseOrResume();
    });
    this.#unread += length;
    this.#checkUnread();
    this.#pauseOrResume();
  }

  /** The process is gone: reads what it said last, whatever is pending. */
  drain(): void {
    this.#draining = true;
    this.#pauseOrResume();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#rest ?? undefined);
    this.#stream.destroy();
  }

  #checkUnread(): void {
    if (this.#stream.writableLength > MAX_UNREAD_BYTES)
      this.#stream.destroy(new Error("it does not read its messages"));
  }

  async #hold(bytes: number, handling: Promise<void>): Promise<void> {
    this.#pending += bytes;
    this.#pauseOrResume();
    await handling.catch(() => {});
    this.#pending -= bytes;
    this.#pauseOrResume();
  }

  #timed(work: () => void): void {
    const since = this.#now();
    work();
    this.#restFor(this.#time.take(this.#now() - since));
  }

  /** Rests when messages come faster than they may, or cost more. */
  #restFor(wait: number): void {
    const ends = this.#now() + wait;
    if (wait === 0 || (this.#rest && ends <= this.#restEnds)) return;
    clearTimeout(this.#rest ?? undefined);
    this.#restEnds = ends;
    this.#rest = setTimeout(() => {
      this.#rest = null;
      this.#pauseOrResume();
    }, wait);
    this.#rest.unref();
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    const full = this.#pending > MAX_PENDING_BYTES || this.#unread > MAX_UNREAD_ANSWERS_BYTES || this.#rest !== null;
    if (full && !this.#draining) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }
}
