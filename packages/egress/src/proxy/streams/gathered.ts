import type { Readable } from "node:stream";

/** Smaller pieces are gathered, bytes: each costs some 200 bytes besides its own. */
const SMALL_BYTES = 1_024;

/**
 * Makes one piece of the small ones that are pushed into a stream at once: bounds of what waits count bytes, and whoever cuts what they
 * send into single bytes would fill a hundred times as much memory.
 */
export function gathered<T extends Readable>(stream: T): T {
  const push = stream.push.bind(stream);
  let held: Buffer[] = [];
  let bytes = 0;
  const give = (): void => {
    if (held.length === 0) return;
    const whole = held.length === 1 ? held[0]! : Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
    push(whole);
  };
  stream.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk === null || chunk.length >= SMALL_BYTES) {
      give();
      return push(chunk, encoding);
    }
    if (held.length === 0) process.nextTick(give);
    held.push(chunk);
    bytes += chunk.length;
    return stream.readableLength + bytes < stream.readableHighWaterMark;
  };
  return stream;
}
