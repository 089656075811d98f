/** Joins two byte streams. */
import type { Duplex, Transform } from "node:stream";

export interface Spliced {
  bytesUp: number;
  bytesDown: number;
  /** Why it ended before both sides had closed, or null. */
  error: Error | null;
}

/** Transforms for the bytes in each direction. An error of one ends both connections. */
export interface Guards {
  up?: Transform | null;
  down?: Transform | null;
  /** Last bytes for the guest when an error ends both connections, if any. */
  farewell?(error: Error): Buffer | null;
}

/** Copies bytes in both directions until both sides have closed. Each FIN is passed on separately; a reset of one side resets the other. Never rejects. */
export function splice(
  guest: Duplex,
  upstream: Duplex,
  { up = null, down = null, farewell }: Guards = {},
): Promise<Spliced> {
  return new Promise((resolve) => {
    const result: Spliced = { bytesUp: 0, bytesDown: 0, error: null };
    let open = 2;
    let done = false;
    const finish = (error: Error | null) => {
      if (done) return;
      done = true;
      result.error = error;
      if (error) {
        upstream.destroy();
        const last = guest.writable ? farewell?.(error) : null;
        if (last) guest.end(last);
        else guest.destroy();
      }
      resolve(result);
    };
    const carry = (from: Duplex, to: Duplex, through: Transform | null, count: (bytes: number) => void) => {
      from.on("data", (chunk: Buffer) => count(chunk.length));
      from.on("error", finish);
      from.once("close", () => {
        if (!from.readableEnded || !from.writableFinished) finish(new Error("The connection was reset."));
      });
      to.once("finish", () => {
        if (--open > 0) return;
        finish(null);
      });
      through?.on("error", finish);
      (through ? from.pipe(through) : from).pipe(to);
    };
    if (guest.destroyed || upstream.destroyed) return finish(new Error("The connection was reset."));
    carry(guest, upstream, up, (bytes) => (result.bytesUp += bytes));
    carry(upstream, guest, down, (bytes) => (result.bytesDown += bytes));
  });
}
