/** Coded bodies that pass as they are, while what they hold is searched. */
import { Transform, type TransformCallback } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { DecodingStream, Found, Redactor, Scanner } from "../../../secrets/mod.ts";
import { MAX_WATCHED_HELD_BYTES } from "../../limits.ts";
import { Refusal } from "../../refusal.ts";

/**
 * Codings that can be watched: nothing of what was passed on can be read before it is decoded here. Zstandard is decoded in blocks,
 * of which the last byte may be missing here while all others have been passed on.
 */
const WATCHABLE = new Set(["gzip", "x-gzip", "deflate", "br"]);

/** Whether a body in this coding can be watched. */
export function canWatch(encoding: string): boolean {
  return WATCHABLE.has(encoding);
}

/**
 * Passes a coded body on as it is, each piece when what it decodes to has been searched, and breaks off when a value is in it: in
 * what is coded it cannot be replaced. For hosts that have not been told a value, and for values that are in nothing by chance.
 */
export class Watched extends Transform {
  readonly #decoder: DecodingStream;
  readonly #decoded: Watch;
  /** The coded bytes too: a coding has room for names and comments. */
  readonly #coded: Watch;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #failure: Error | null = null;

  constructor(decoder: DecodingStream, redactor: Redactor) {
    super();
    this.#decoder = decoder;
    this.#decoded = new Watch(redactor);
    this.#coded = new Watch(redactor);
    decoder.on("error", (error) => (this.#failure ??= error));
    decoder.on("readable", () => this.#read());
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#pass(async () => {
      this.#coded.look(chunk);
      await new Promise<void>((resolve) => this.#decoder.write(chunk, () => resolve()));
      this.#read();
      while (this.#decoder.holds && !this.#failure) {
        await turn();
        this.#read();
      }
      if (this.#failure) throw this.#failure;
      if (this.#coded.isClear && this.#decoded.isClear) this.#release();
      else if (this.#waitingBytes > MAX_WATCHED_HELD_BYTES)
        throw Refusal.failed("Too much of the upstream's answer decodes to nothing.");
    }, done);
  }

  override _flush(done: TransformCallback): void {
    this.#pass(async () => {
      const ended = new Promise<void>((resolve) => this.#decoder.once("end", resolve).once("close", resolve));
      this.#decoder.end();
      this.#read();
      await ended;
      if (this.#failure) throw this.#failure;
      this.#coded.end();
      this.#decoded.end();
      this.#release();
    }, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#decoder.destroy();
    done(error);
  }

  #pass(step: () => Promise<void>, done: TransformCallback): void {
    step().then(() => done(), done);
  }

  /** Takes what has been decoded. Nobody listens for data, so that it waits to be taken. */
  #read(): void {
    try {
      for (let part: Buffer | null; !this.#failure && (part = this.#decoder.read() as Buffer | null); )
        this.#decoded.look(part);
    } catch (error) {
      this.#failure = error as Error;
      this.#decoder.destroy();
    }
  }

  #release(): void {
    for (const chunk of this.#waiting.splice(0)) this.push(chunk);
    this.#waitingBytes = 0;
  }
}

/** A search in which a find is the end. */
class Watch {
  readonly #scanner: Scanner & Found;
  #open = 0;

  constructor(redactor: Redactor) {
    this.#scanner = redactor.scanner({ keepLength: true });
  }

  /** Whether what was looked at does not end with what could become a value. */
  get isClear(): boolean {
    return this.#open === 0;
  }

  /** @throws {Refusal} */
  look(chunk: Buffer): void {
    this.#check(chunk.length, this.#scanner.push(chunk));
  }

  /** @throws {Refusal} */
  end(): void {
    this.#check(0, this.#scanner.flush());
  }

  #check(taken: number, given: Buffer[]): void {
    this.#open += taken - given.reduce((sum, part) => sum + part.length, 0);
    const [name] = this.#scanner.found();
    if (name !== undefined)
      throw Refusal.failed(
        `The answer was broken off: it holds the value of ${name}, in a coding in which it cannot be replaced.`,
      );
  }
}
