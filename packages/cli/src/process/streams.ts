import type { Readable, Writable } from "node:stream";

/**
 * Writes everything from a stream of the SDK's to one of Node's, no faster than it takes it. When the reader of the latter
 * goes, the former is cancelled.
 *
 * @returns whether the reader had gone before the end
 */
export async function pump(from: ReadableStream<Uint8Array>, to: Writable): Promise<boolean> {
  const reader = from.getReader();
  let gone = false;
  // Node's own outputs are never destroyed: they only say that they could not write.
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

/** Until a stream takes more, or fails, or has gone. */
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
  /** What to send when the input ends, in place of closing the process's own. */
  atEnd?: Uint8Array;
}

/**
 * Feeds a process from this one's standard input, no faster than it reads, until disposed. When the process closes its
 * input or ends, the rest is left alone.
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
    // It may have gone first.
    (atEnd ? writer.write(atEnd) : writer.close()).catch(() => {});
  };
  writer.closed.catch(stop);
  stdin.on("readable", feed).on("end", onEnd).on("error", onEnd);
  return { [Symbol.dispose]: stop };
}

/** What there is to read, if anything. */
function take(stdin: Readable): Uint8Array | null {
  const chunk = stdin.read() as Buffer | null;
  return chunk && new Uint8Array(chunk);
}
