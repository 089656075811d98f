import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/** Writes everything from a stream of the SDK's to one of Node's, no faster than it takes it. */
export async function pump(from: ReadableStream<Uint8Array>, to: Writable): Promise<void> {
  for await (const chunk of from) {
    if (to.destroyed) continue;
    if (!to.write(chunk)) await Promise.race([once(to, "drain"), once(to, "close")]);
  }
}

/**
 * Feeds a process from this one's standard input, no faster than it reads, until disposed. When the process closes its
 * input or ends, the rest is left alone.
 */
export function feedStdin(stdin: Readable, to: WritableStream<Uint8Array>): Disposable {
  const writer = to.getWriter();
  let over = false;
  const stop = () => {
    if (over) return;
    over = true;
    stdin.off("data", onData).off("end", onEnd).off("error", onEnd);
    // An open standard input would keep this process alive.
    stdin.pause();
    (stdin as { unref?(): void }).unref?.();
  };
  const onData = (chunk: Buffer) => {
    stdin.pause();
    writer.write(new Uint8Array(chunk)).then(() => {
      if (!over) stdin.resume();
    }, stop);
  };
  const onEnd = () => {
    stop();
    // It may have gone first.
    writer.close().catch(() => {});
  };
  writer.closed.catch(stop);
  stdin.on("data", onData).on("end", onEnd).on("error", onEnd);
  stdin.resume();
  return { [Symbol.dispose]: stop };
}
