import type { Readable } from "node:stream";

/** Pieces below this size are joined, bytes: each costs some 200 bytes in addition to its content. */
const SMALL_BYTES = 1_024;

/**
 * Joins small pieces that are pushed into a stream in the same tick. Buffer limits count bytes, so a peer that sends single bytes would
 * otherwise use a hundred times as much memory.
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
