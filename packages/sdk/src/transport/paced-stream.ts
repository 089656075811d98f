import { abortError } from "./abort.ts";
import type { Bytes } from "./bytes.ts";
import type { Connection } from "./connection.ts";

/**
 * How much of a stream the server may send before it is read, in bytes: enough for full speed over 100 ms at 40 MB/s, little
 * enough to hold. The protocol itself has no flow control for one stream.
 */
export const WINDOW_BYTES: number = 4 * 1024 * 1024;
/** After so many bytes the server is told that they were taken. */
const STEP_BYTES = WINDOW_BYTES / 4;

/** A stream that was asked for with a window of {@link WINDOW_BYTES}, at the pace at which it is read. */
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
          // A server that knows no windows does not wait for this either.
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

/** What a stream gives, until it ends or is aborted. Whoever stops earlier cancels it. */
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
