/** Opening, reading, writing and abandoning the guest's streams. */
import type { Writable } from "node:stream";
import { type Guest, GuestError, type GuestStream, type GuestStreams } from "@sandkeep/host";
import { abortError, applicationError } from "../errors.ts";

/** Largest piece written to a guest's stream at once, bytes: several fit before the window of HTTP/2 is full. */
const WRITE_BYTES = 256 * 1024;

/** Opens a stream that an abort resets. If it fails, `head`, or reading or writing, rejects. */
export function openStream<M extends keyof GuestStreams>(
  guest: Guest,
  method: M,
  params: GuestStreams[M][0],
  signal?: AbortSignal,
): GuestStream<GuestStreams[M][1]> {
  if (signal?.aborted) throw abortError();
  const stream = begin(guest, method, params);
  // Callers that wait for the head, for bytes or for room to write get the error; this handler only keeps it from being
  // unhandled.
  stream.on("error", () => {});
  stream.head.catch(() => {});
  if (signal) {
    const abort = () => stream.destroy(abortError());
    signal.addEventListener("abort", abort, { once: true });
    stream.once("close", () => signal.removeEventListener("abort", abort));
  }
  return stream;
}

function begin<M extends keyof GuestStreams>(
  guest: Guest,
  method: M,
  params: GuestStreams[M][0],
): GuestStream<GuestStreams[M][1]> {
  try {
    return guest.stream(method, params);
  } catch (error) {
    // A command line and environment of megabytes: report the kernel's error for arguments that are too long.
    if (error instanceof RangeError)
      throw applicationError(
        "Error",
        `Argument list too long (os error 7): ${error.message}: pass long text on standard input or in a file`,
        "E2BIG",
      );
    throw error;
  }
}

/** Writes bytes; resolves when there is room for more. */
export async function write(stream: Writable, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length; from += WRITE_BYTES) {
    const piece = bytes.length <= WRITE_BYTES ? bytes : bytes.subarray(from, from + WRITE_BYTES);
    if (stream.destroyed) throw stream.errored ?? new Error("The stream is closed");
    if (!stream.write(piece)) await room(stream);
  }
}

function room(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      stream.off("drain", settle).off("close", settle);
      if (stream.destroyed) reject(stream.errored ?? new Error("The stream is closed"));
      else resolve();
    };
    stream.on("drain", settle).on("close", settle);
  });
}

/**
 * Writes the whole content, ends the stream, and gives the head, which follows the content. If the guest refuses early its
 * refusal counts, not that the rest could not be written.
 */
export async function upload<Head>(
  stream: GuestStream<Head>,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<Head> {
  try {
    if (content instanceof Uint8Array) await write(stream, content);
    else for await (const piece of content) await write(stream, piece);
    stream.end();
  } catch (error) {
    stream.destroy(error as Error);
    const refusal = await stream.head.then(
      () => null,
      (reason: unknown) => reason,
    );
    throw refusal instanceof GuestError ? refusal : error;
  }
  return await stream.head;
}

/** Reads all bytes. @throws the error that `tooMuch` makes if there are more than `limit` */
export async function collect(stream: GuestStream<unknown>, limit: number, tooMuch: () => Error): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > limit) throw tooMuch();
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length);
}
