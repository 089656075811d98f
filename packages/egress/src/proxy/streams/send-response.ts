import type { Readable, Writable } from "node:stream";
import { batched } from "./batched.ts";

/**
 * Sends a response's body into a stream, which stays open. Resolves when all of it has been taken.
 *
 * @param carrier what the stream writes to, if that is another one; null if pieces must not be joined
 * @throws {Error} if the body fails, or the stream closes first; the body is then destroyed
 */
export function sendResponse(body: Readable, sink: Writable, carrier: Writable | null = sink): Promise<void> {
  const together = carrier === null ? () => undefined : batched(carrier);
  // The response's head waits for the beginning of its body.
  together(Number.POSITIVE_INFINITY);
  return new Promise((resolve, reject) => {
    let open = true;
    // Streams also close after their end: an error is only made if it is one.
    const fail = (why: Error | string) => {
      if (!open) return;
      open = false;
      const error = typeof why === "string" ? new Error(why) : why;
      body.destroy(error);
      reject(error);
    };
    const closed = () => fail("The guest disconnected.");
    const cut = () => fail("The body was cut off.");
    sink.on("error", fail).once("close", closed);
    body
      .on("error", fail)
      .once("close", cut)
      .once("end", () => {
        open = false;
        resolve();
      });
    if (sink.destroyed) return closed();
    sink.on("drain", () => body.resume());
    body.on("data", (chunk: Buffer) => {
      if (!open) return;
      together(chunk.length);
      if (!sink.write(chunk)) body.pause();
    });
    if (body.destroyed) cut();
  });
}
