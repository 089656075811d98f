/** Request bodies on their way out. Unlike with a pipeline, an error does not destroy the source: its sender stays connected and gets an answer. */
import type { Readable, Transform, Writable } from "node:stream";

/** Pipes a body through steps. An error of a step is an error of the stream returned; the rest of the body is then read and discarded. */
export function pipeSteps(body: Readable, steps: readonly Transform[]): Readable {
  let stream = body;
  for (const step of steps) {
    link(stream, step);
    stream = step;
  }
  return stream;
}

/**
 * Sends a body.
 *
 * @param end called when all of it has been sent
 */
export function sendBody(body: Readable, sink: Writable, end: () => void): void {
  body.once("end", end);
  link(body, sink, { end: false });
}

function link(from: Readable, to: Writable, options: { end?: boolean } = {}): void {
  let ended = false;
  from.once("end", () => (ended = true));
  from.on("error", (error) => to.destroy(error));
  from.once("close", () => {
    if (!ended && !to.destroyed) to.destroy(new Error("The body of the request was cut off."));
  });
  // Nobody may be listening any more.
  to.on("error", () => undefined);
  to.once("close", () => {
    if (ended) return;
    from.unpipe(to);
    from.resume();
  });
  from.pipe(to, options);
}
