import type { Writable } from "node:stream";

/**
 * Returns a function to call before something is written: everything that is written in the same turn of the event loop then leaves in one
 * piece. A piece costs about the same whatever its size, because it passes through TLS, HTTP/2 and back again before the next one may follow.
 */
export function batched(stream: Writable): () => void {
  let holding = false;
  return () => {
    if (holding) return;
    holding = true;
    stream.cork();
    setImmediate(() => {
      holding = false;
      stream.uncork();
    });
  };
}
