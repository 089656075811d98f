import type { Duplex } from "node:stream";
import { LINGER_MS } from "./limits.ts";

/**
 * Makes `destroy` of a guest's connection wait for what was written before its end: that may still be on its way, for as long as
 * the guest does not fetch it, and destroying the stream would throw it away. TLS destroys what carries it as soon as it is done.
 *
 * @returns a function that destroys it at once
 */
export function lingering(stream: Duplex): () => void {
  const destroy = stream.destroy.bind(stream);
  let timer: NodeJS.Timeout | undefined;
  stream.once("close", () => clearTimeout(timer));
  // On the wire it is a stream of an HTTP/2 session, with which it ends.
  const { session } = stream as { session?: { destroyed: boolean } };
  stream.destroy = (error) => {
    if (error || !stream.writableEnded || stream.closed || session?.destroyed) return destroy(error);
    stream.resume();
    timer ??= setTimeout(() => destroy(), LINGER_MS);
    return stream;
  };
  return () => void destroy();
}
