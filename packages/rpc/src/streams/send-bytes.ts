/** Sends a guest's stream to the client as it arrives, at the pace of the client's socket, and of its reader if there is a window. */
import type { GuestStream } from "@sandkeep/host";
import type { ConnectionState } from "../connection-state.ts";
import { toErrorObject } from "../errors.ts";
import type { OutboundStream } from "./outbound-stream.ts";

/** @param window bytes that the client is willing to hold unread */
export function sendBytes(state: ConnectionState, source: GuestStream<unknown>, window = Infinity): OutboundStream {
  const stream = state.outbound.open(window);
  stream.onCancel(() => source.destroy());
  stream.start();
  void pump(state, source, stream);
  return stream;
}

async function pump(state: ConnectionState, source: AsyncIterable<Buffer>, stream: OutboundStream): Promise<void> {
  try {
    for await (const bytes of source) {
      stream.enqueue(bytes);
      if (state.outbox.congested) await state.outbox.drained();
      if (stream.full) await stream.room();
    }
    stream.end();
  } catch (error) {
    stream.fail(toErrorObject(error));
  }
}
