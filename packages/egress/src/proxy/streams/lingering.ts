import type { Duplex } from "node:stream";
import { FETCH_MS, MAX_DISCARDED_BYTES } from "../limits.ts";

/**
 * Makes `destroy` wait until everything written before `end` has been delivered: the guest may not have read it yet, and destroying the
 * stream would discard it. A stream that was not ended, or is destroyed with an error, is still destroyed at once, which the guest sees
 * as a reset. So is one whose guest keeps sending.
 *
 * @param carrier the stream below; once that is destroyed there is nothing to wait for
 * @param restMs how long the stream then has to close by itself, milliseconds
 * @returns a function that destroys it at once
 */
export function lingering(stream: Duplex, carrier: { destroyed: boolean } | undefined, restMs: number): () => void {
  const destroy = stream.destroy.bind(stream);
  let timer: NodeJS.Timeout | undefined;
  const destroyIn = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => destroy(), ms);
  };
  stream.once("close", () => clearTimeout(timer));
  stream.destroy = (error) => {
    if (error || !stream.writableEnded || stream.closed || carrier?.destroyed) return destroy(error);
    if (stream.writableFinished && restMs === 0) return destroy();
    if (timer) return stream;
    let discarded = 0;
    stream
      .on("data", (chunk: Buffer) => {
        if ((discarded += chunk.length) > MAX_DISCARDED_BYTES) destroy();
      })
      .resume();
    if (stream.writableFinished) destroyIn(restMs);
    else {
      destroyIn(FETCH_MS);
      stream.once("finish", () => (restMs === 0 ? destroy() : destroyIn(restMs)));
    }
    return stream;
  };
  return () => void destroy();
}
