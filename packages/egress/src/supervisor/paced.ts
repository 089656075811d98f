import type { Readable } from "node:stream";
import { Pace } from "../port/pace.ts";

/** Bytes that may be read in a burst, then per second: more than hooks that report errors print, and little work for the server. */
const BURST_BYTES = 1024 * 1024;
const BYTES_PER_SECOND = 256 * 1024;

/** Reads text no faster than the pace allows; whoever writes more has to wait. */
export function readPaced(stream: Readable, take: (text: string) => void, now?: () => number): void {
  const pace = new Pace(BYTES_PER_SECOND, BURST_BYTES, now);
  stream.setEncoding("utf8").on("data", (text: string) => {
    take(text);
    const wait = pace.take(Buffer.byteLength(text));
    if (wait === 0) return;
    stream.pause();
    setTimeout(() => stream.resume(), wait);
  });
}
