/** The streams of `walk` and `expandGlob`: each chunk is one complete JSON object (wire-protocol §6.1 rule 7). */
import { LineReader } from "@sandkeep/common";
import { type GlobParams, type WalkParams, walkEntrySchema } from "@sandkeep/host";
import { type ErrorObject, errorObjectSchema } from "@sandkeep/protocol";
import type { ConnectionState } from "../connection-state.ts";
import { toErrorObject } from "../errors.ts";
import { WALK_LINE_BYTES } from "../limits.ts";
import { openStream } from "../streams/guest-io.ts";
import type { OutboundStream } from "../streams/outbound-stream.ts";

/** Starts the walk; its entries follow as a stream. @throws {GuestError} when the root cannot be walked at all */
export async function sendWalk(
  state: ConnectionState,
  ...[method, params]: ["walk", WalkParams] | ["expandGlob", GlobParams]
): Promise<{ streamId: number }> {
  const entries = openStream(state.guest, method, params as WalkParams & GlobParams, state.signal);
  await entries.head;
  const stream = state.outbound.open();
  stream.onCancel(() => entries.destroy());
  stream.start();
  void pump(state, entries, stream);
  return { streamId: stream.id };
}

async function pump(state: ConnectionState, entries: AsyncIterable<Buffer>, stream: OutboundStream): Promise<void> {
  const lines = new LineReader(WALK_LINE_BYTES);
  try {
    for await (const piece of entries) {
      for (const line of readLines(state, lines, piece)) {
        if (line.error) return stream.fail(line.error);
        stream.enqueue(line.entry);
        if (state.outbox.congested) await state.outbox.drained();
      }
    }
    stream.end();
  } catch (error) {
    stream.fail(toErrorObject(error));
  }
}

/** Checks each line and writes it anew: JSON from a guest is never passed on unchecked. */
function* readLines(
  state: ConnectionState,
  lines: LineReader,
  piece: Buffer,
): Generator<{ entry: Buffer; error?: never } | { error: ErrorObject }> {
  try {
    for (const text of lines.push(piece)) {
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null && "error" in value)
        yield { error: errorObjectSchema.parse(value.error) };
      else yield { entry: Buffer.from(JSON.stringify(walkEntrySchema.parse(value))) };
    }
  } catch (error) {
    state.sandbox.violation(`walk: ${String(error)}`);
    throw error;
  }
}
