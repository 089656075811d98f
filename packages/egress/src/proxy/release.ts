import type { Duplex } from "node:stream";
import { LINGER_MS } from "./limits.ts";

/**
 * Lets go of a connection. What has been written to an ended stream may still be on its way, and destroying the stream would
 * throw it away; so it gets a while to close by itself.
 */
export function release(stream: Duplex): void {
  if (!stream.writableEnded || stream.destroyed) return void stream.destroy();
  stream.resume();
  const timer = setTimeout(() => stream.destroy(), LINGER_MS);
  stream.once("close", () => clearTimeout(timer));
}
