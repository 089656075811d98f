import { finished, Readable } from "node:stream";

/**
 * A reader that takes nothing for this long is given up, milliseconds, as a client is that sends nothing of its body. A piece
 * of the source is taken as a whole, so a reader that needs longer for one is given up too.
 */
const SILENT_MS = 60_000;

/**
 * The same stream, which is destroyed once nobody has read from it for a while, and with it the source and what that
 * holds. The source itself may be as slow as it likes.
 */
export function untilAbandoned(source: Readable, silentMs = SILENT_MS): Readable {
  let timer: NodeJS.Timeout | undefined;
  const abandon = () => stream.destroy(new Error(`Nobody has read anything for ${silentMs / 1_000} s.`));
  const wait = () => {
    if (!stream.destroyed) timer ??= setTimeout(abandon, silentMs);
  };
  const stream = new Readable({
    read() {
      clearTimeout(timer);
      timer = undefined;
      source.resume();
    },
    destroy(error, done) {
      clearTimeout(timer);
      source.destroy();
      done(error);
    },
  });
  // Its reader may not be there yet.
  stream.on("error", () => {});
  source.on("data", (piece: Buffer) => {
    if (stream.push(piece)) return;
    source.pause();
    wait();
  });
  finished(source, (error) => {
    if (error) return void stream.destroy(error);
    stream.push(null);
    wait();
  });
  return stream;
}
