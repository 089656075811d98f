/** JSON texts, one per line, on a stream between two of our own processes. */
import type { Duplex } from "node:stream";
import { LineReader } from "@sandkeep/common";

/** Longest line in bytes. A spec with the maximum number of secrets, each of the maximum length, stays well below. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Calls `take` for each message, with its length. Destroys the stream if a line is not valid JSON or too long, or `take` throws.
 *
 * @param maxBytes longest line
 */
export function readLines<T>(
  stream: Duplex,
  take: (message: T, length: number) => void,
  maxBytes = MAX_LINE_BYTES,
): void {
  const lines = new LineReader(maxBytes);
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) take(JSON.parse(line) as T, line.length);
    } catch (error) {
      stream.destroy(error as Error);
    }
  });
}

export function writeLine<T>(stream: Duplex, message: T): void {
  if (!stream.destroyed) stream.write(`${JSON.stringify(message)}\n`);
}
