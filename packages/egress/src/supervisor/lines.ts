/** JSON texts, one a line, over a stream between two of our own processes. */
import type { Duplex } from "node:stream";

/** Longest line, in bytes: a spec with as many secrets as a sandbox may have, each as long as it may be, is well below. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Calls `take` for each message; destroys the stream on one that is none. */
export function readLines<T>(stream: Duplex, take: (message: T) => void): void {
  let pieces: Buffer[] = [];
  let held = 0;
  stream.on("data", (chunk: Buffer) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      pieces.push(chunk.subarray(start, end));
      const line = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
      pieces = [];
      held = 0;
      start = end + 1;
      try {
        take(JSON.parse(line.toString("utf8")) as T);
      } catch (error) {
        return void stream.destroy(error as Error);
      }
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start));
      held += chunk.length - start;
      if (held > MAX_LINE_BYTES) stream.destroy(new Error("a line is too long"));
    }
  });
}

export function writeLine<T>(stream: Duplex, message: T): void {
  if (!stream.destroyed) stream.write(`${JSON.stringify(message)}\n`);
}
