import { abortError } from "./abort.ts";
import type { Bytes } from "./bytes.ts";
import type { Connection } from "./connection.ts";

/**
 * How much of a stream the server may send before it is read, in bytes: enough for 40 MB/s at a round trip of 100 ms, and
 * little enough to buffer. The protocol itself has no flow control for a single stream.
 */
export const WINDOW_BYTES: number = 4 * 1024 * 1024;
/** The server is notified after this many bytes have been read. */
const STEP_BYTES = WINDOW_BYTES / 4;

/** A stream that was requested with a window of {@link WINDOW_BYTES}. The server sends it as fast as it is read. */
export function receivePaced(connection: Connection, streamId: number): ReadableStream<Bytes> {
  const reader = connection.receive(streamId).getReader();
  let taken = 0;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const { value, done } = await reader.read();
        if (done) return controller.close();
        taken += value.byteLength;
        if (taken >= STEP_BYTES) {
          // A server without windows does not wait for this either.
          connection.call("sandkeep.streamTaken", { streamId, bytes: taken }).catch(() => {});
          taken = 0;
        }
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** The chunks of a stream, until it ends or is aborted. Leaving the loop early cancels it. */
export async function* chunksOf(
  stream: ReadableStream<Bytes>,
  signal?: AbortSignal,
): AsyncGenerator<Bytes, void, void> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    if (signal?.aborted) throw abortError(signal);
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}
