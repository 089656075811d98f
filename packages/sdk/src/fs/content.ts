import { abortable } from "../transport/abort.ts";
import type { Bytes } from "../transport/bytes.ts";
import { fromBase64, toBase64 } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";
import { chunksOf, receivePaced, WINDOW_BYTES } from "../transport/paced-stream.ts";
import { unlessLacking } from "./extension.ts";
import type { ReadFileOptions, WriteFileOptions } from "./types.ts";

/** Larger content is sent as a stream instead of inside the call, so that other calls do not wait behind it. In bytes. */
const MAX_INLINE_BYTES = 1024 * 1024;

const READ_STREAM = "sandkeep.readFileStream";

/** A file as a stream, with its size; null if the server does not support this. */
async function openContent(
  connection: Connection,
  path: string,
  abortId?: number,
): Promise<{ size: number; stream: ReadableStream<Bytes> } | null> {
  return await unlessLacking(connection, READ_STREAM, async () => {
    const { size, streamId } = await connection.call(READ_STREAM, { path, abortId, window: WINDOW_BYTES });
    return { size, stream: receivePaced(connection, streamId) };
  });
}

/** A file as chunks of bytes: streamed, or in one piece if the server cannot stream. */
export async function* contentOf(connection: Connection, path: string, signal?: AbortSignal): AsyncGenerator<Bytes> {
  const content = await openContent(connection, path);
  if (content) yield* chunksOf(content.stream, signal);
  else yield fromBase64(await connection.call("readFile", { path }));
}

/** A whole file. */
export function readBytes(connection: Connection, path: string, { signal }: ReadFileOptions = {}): Promise<Bytes> {
  return abortable(connection, signal, async (abortId) => {
    const content = await openContent(connection, path, abortId);
    if (!content) return fromBase64(await connection.call("readFile", { path, abortId }));
    return await gather(content.stream, content.size, signal);
  });
}

/** Creates, replaces or extends a file. */
export function writeBytes(
  connection: Connection,
  path: string,
  data: Uint8Array | ReadableStream<Uint8Array>,
  { signal, ...options }: WriteFileOptions = {},
): Promise<void> {
  return abortable(connection, signal, async (abortId) => {
    const content =
      data instanceof Uint8Array && data.byteLength <= MAX_INLINE_BYTES
        ? { content: toBase64(data) }
        : { contentStreamId: connection.sendStream(data instanceof Uint8Array ? streamOf(data) : data) };
    await connection.call("writeFile", { path, options, abortId, ...content });
  });
}

/** Bytes as a stream of one chunk. */
export function streamOf(data: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (data.byteLength > 0) controller.enqueue(data);
      controller.close();
    },
  });
}

/**
 * A whole stream in one piece. `size` is the expected size; the actual one may differ, because files change while they are
 * read.
 */
async function gather(stream: ReadableStream<Bytes>, size: number, signal?: AbortSignal): Promise<Bytes> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    let bytes = new Uint8Array(size);
    let length = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const chunk = next.value;
      if (length + chunk.length > bytes.length) {
        const larger = new Uint8Array(Math.max(bytes.length * 2, length + chunk.length));
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(chunk, length);
      length += chunk.length;
    }
    return length === bytes.length ? bytes : bytes.slice(0, length);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
