import type { Readable, Writable } from "node:stream";

/**
 * Copies a web stream to a Node stream, with backpressure. Cancels the web stream when the reader of the Node stream has
 * gone.
 *
 * @returns whether the reader went before the end
 */
export async function pump(from: ReadableStream<Uint8Array>, to: Writable): Promise<boolean> {
  const reader = from.getReader();
  let gone = false;
  // Node's standard outputs are never destroyed: they only report that they could not write.
  const leave = () => {
    gone = true;
    reader.cancel(new Error("Nobody reads this output any more")).catch(() => {});
  };
  to.on("error", leave).on("close", leave);
  if (to.destroyed) leave();
  try {
    for (let next = await reader.read(); !next.done && !gone; next = await reader.read()) {
      if (!to.write(next.value)) await drained(to);
    }
    return gone;
  } finally {
    to.off("error", leave).off("close", leave);
  }
}

/** Waits until a stream accepts more, fails, or is closed. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("error", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("error", done).on("close", done);
    if (stream.destroyed) done();
  });
}

export interface FeedOptions {
  /** What to send when the input ends, instead of closing the process's input. */
  atEnd?: Uint8Array;
}

/**
 * Copies this process's standard input to a process, with backpressure, until disposed. When the process closes its input
 * or ends, the rest is not read.
 */
export function feedStdin(stdin: Readable, to: WritableStream<Uint8Array>, { atEnd }: FeedOptions = {}): Disposable {
  const writer = to.getWriter();
  let over = false;
  let busy = false;
  const stop = () => {
    if (over) return;
    over = true;
    stdin.off("readable", feed).off("end", onEnd).off("error", onEnd);
    // An open standard input would keep this process alive.
    (stdin as { unref?(): void }).unref?.();
  };
  const feed = async () => {
    if (busy) return;
    busy = true;
    try {
      for (let chunk = take(stdin); chunk && !over; chunk = take(stdin)) await writer.write(chunk);
    } catch {
      stop();
    } finally {
      busy = false;
    }
  };
  const onEnd = () => {
    stop();
    // The process may have ended first.
    (atEnd ? writer.write(atEnd) : writer.close()).catch(() => {});
  };
  writer.closed.catch(stop);
  stdin.on("readable", feed).on("end", onEnd).on("error", onEnd);
  return { [Symbol.dispose]: stop };
}

/** The available input, if any. */
function take(stdin: Readable): Uint8Array | null {
  const chunk = stdin.read() as Buffer | null;
  return chunk && new Uint8Array(chunk);
}
