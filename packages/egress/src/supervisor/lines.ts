/** JSON texts, one per line, on a stream between two of our own processes. */
import type { Duplex } from "node:stream";
import { LineReader } from "@sandkeep/common";

/** Longest line in bytes. A spec with the maximum number of secrets, each of the maximum length, stays well below. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Calls `take` for each message, with its length. Destroys the stream if a line is not valid JSON or too long, or `take` throws.
 *
 * @param maxBytes longest line
 * @param around runs the work for each piece that arrives, with all that `take` does at once
 */
export function readLines<T>(
  stream: Duplex,
  take: (message: T, length: number) => void,
  maxBytes = MAX_LINE_BYTES,
  around: (work: () => void) => void = (work) => work(),
): void {
  const lines = new LineReader(maxBytes);
  const handle = (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) take(JSON.parse(line) as T, line.length);
    } catch (error) {
      stream.destroy(error as Error);
    }
  };
  stream.on("data", (chunk: Buffer) => around(() => handle(chunk)));
}

/**
 * Returns the message's length; zero if the stream is closed.
 *
 * @param written called when the other end has it, or never will
 */
export function writeLine<T>(stream: Duplex, message: T, written?: () => void): number {
  if (stream.destroyed) return 0;
  const line = `${JSON.stringify(message)}\n`;
  stream.write(line, written);
  return line.length;
}
