import type { Writable } from "node:stream";

/** A chunk below this size, bytes, does not wait if nothing else was written in its turn: an event of a stream, for example. */
const SMALL_BYTES = 4_096;

/**
 * Returns a function to call before a chunk is written: what is written in the same turn of the event loop then leaves in one piece. A piece costs
 * about the same whatever its size, because it passes through TLS, HTTP/2 and back again before the next one may follow. Only a small chunk that is
 * the first of its turn leaves at once, by itself.
 */
export function batched(stream: Writable): (bytes: number) => void {
  let turn: "new" | "begun" | "holding" = "new";
  return (bytes) => {
    if (turn === "holding") return;
    if (turn === "new") {
      setImmediate(() => {
        if (turn === "holding") stream.uncork();
        turn = "new";
      });
      if (bytes < SMALL_BYTES) {
        turn = "begun";
        return;
      }
    }
    turn = "holding";
    stream.cork();
  };
}
