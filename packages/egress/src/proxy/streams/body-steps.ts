/** Bodies of requests on their way out: unlike with pipelines, whoever sends one stays when it breaks off, to get an answer. */
import type { Readable, Transform, Writable } from "node:stream";

/** Leads a body through steps; an error of one of them comes out at the end, and the body is read to its end for nothing. */
export function through(body: Readable, steps: readonly Transform[]): Readable {
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
export function feed(body: Readable, sink: Writable, end: () => void): void {
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
