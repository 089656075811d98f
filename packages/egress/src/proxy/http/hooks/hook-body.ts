/** Bodies for hooks: they get web streams, and may leave anything in their place. */
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { Refusal } from "../../refusal.ts";

type WebStream = ReadableStream<Uint8Array>;

/** A body that becomes a web stream only if a hook accesses it. */
export class HookBody {
  readonly #body: Readable | null;
  #message: object | null = null;
  #web: WebStream | null = null;
  #replaced: WebStream | null | undefined;

  constructor(body: Readable | null) {
    this.#body = body;
  }

  /** Defines the property `body` of a message. */
  into<T extends object>(message: T): T {
    const set = (body: WebStream | null) => (this.#replaced = body);
    return (this.#message = Object.defineProperty(message, "body", {
      enumerable: true,
      configurable: true,
      get: () => this.#get(),
      set,
    })) as T;
  }

  /**
   * The body after the hook, given what the hook returned. `same` tells whether it is the original body, unread.
   *
   * @throws {Refusal} if it is not a body
   */
  outOf(result: { body: WebStream | null } | null): { body: Readable | null; same: boolean } {
    const left = result === null || result === this.#message ? this.#replaced : result.body;
    if (left !== null && (left === undefined || left === this.#web)) {
      if (!this.#web) return { body: this.#body, same: true };
      // Check this before reading it here.
      const same = !Readable.isDisturbed(this.#web as unknown as Readable);
      return { body: toNode(this.#web), same };
    }
    const body = left === null ? null : toNode(left);
    if (!this.#web) this.#body?.resume();
    return { body, same: body === this.#body };
  }

  #get(): WebStream | null {
    if (this.#replaced !== undefined) return this.#replaced;
    if (this.#body && !this.#web) this.#web = Readable.toWeb(this.#body) as WebStream;
    return this.#web;
  }
}

/** @throws {Refusal} if it is not a stream, or is already being read */
function toNode(stream: WebStream): Readable {
  let reader: ReadableStreamDefaultReader<unknown>;
  try {
    reader = ReadableStream.prototype.getReader.call(stream) as ReadableStreamDefaultReader<unknown>;
  } catch {
    throw failed("it left a body that cannot be read");
  }
  // Passes on only bytes, and only the proxy's own errors.
  const guarded = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await reader.read().catch(() => null);
        if (next === null) controller.error(failed("its body broke off"));
        else if (next.done) controller.close();
        else if (next.value instanceof Uint8Array) controller.enqueue(next.value);
        else {
          controller.error(failed("its body contains something other than bytes"));
          reader.cancel().catch(() => undefined);
        }
      },
      cancel: () => reader.cancel().catch(() => undefined),
    },
    { highWaterMark: 0 },
  );
  return Readable.fromWeb(guarded as NodeReadableStream);
}

function failed(why: string): Refusal {
  return Refusal.failed(`A hook failed: ${why}.`);
}
