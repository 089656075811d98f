/** Searches encoded bodies while they pass through unchanged. */
import { Transform, type TransformCallback } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { DecodingStream, Found, Redactor, Scanner } from "../../../secrets/mod.ts";
import { MAX_WATCHED_HELD_BYTES } from "../../limits.ts";
import { Refusal } from "../../refusal.ts";

/**
 * Encodings that can be watched: the guest cannot decode anything before it has been decoded here. That excludes Zstandard, which is decoded
 * in blocks: all but the last byte of a block could have been passed on before the block is searched.
 */
const WATCHABLE = new Set(["gzip", "x-gzip", "deflate", "br"]);

/** Whether a body in this encoding can be watched. */
export function canWatch(encoding: string): boolean {
  return WATCHABLE.has(encoding);
}

/**
 * Passes on an encoded body unchanged, each piece after its decoded content has been searched, and aborts if that contains a value, which
 * cannot be replaced in encoded data. For hosts that do not know a value, and for values long enough not to occur by chance.
 */
export class Watched extends Transform {
  readonly #decoder: DecodingStream;
  readonly #decoded: Watch;
  /** The encoded bytes are searched too: encodings have room for names and comments. */
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
        throw Refusal.failed("Too much of the upstream's response decodes to nothing.");
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

  /** Reads what has been decoded. There is no `data` listener, so it waits until it is read. */
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

/** A search that fails on the first match. */
class Watch {
  readonly #scanner: Scanner & Found;
  #open = 0;

  constructor(redactor: Redactor) {
    this.#scanner = redactor.scanner({ keepLength: true });
  }

  /** Whether the input so far does not end with the possible beginning of a value. */
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
        `The response was aborted: it contains the value of ${name}, in a coding in which it cannot be replaced.`,
      );
  }
}
