import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import type { Outlet } from "./outlet.ts";

/**
 * Passes bytes between a channel and a connection until both directions have ended, or one of the two has failed. Either side may end its
 * direction and go on receiving.
 */
export async function splice(outlet: Outlet, stream: Duplex): Promise<void> {
  const { channel } = outlet;
  outlet.onClose(() => stream.destroy());
  channel.pipe(stream);
  try {
    for await (const bytes of stream.iterator({ destroyOnReturn: false })) if (!(await outlet.write(bytes))) return;
    channel.eof();
    await finished(stream);
  } catch {
    // A reset cannot be passed on through SSH: the channel is closed.
  } finally {
    stream.destroy();
    outlet.discardInput();
    channel.end();
  }
}
