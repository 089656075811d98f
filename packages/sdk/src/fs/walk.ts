import type { Connection } from "../transport/connection.ts";
import type { WireRegExp } from "../transport/methods.ts";
import type { ExpandGlobOptions, WalkEntry, WalkOptions } from "./types.ts";

/** A directory and everything below it. */
export async function* walk(
  connection: Connection,
  path: string,
  options: WalkOptions = {},
): AsyncGenerator<WalkEntry> {
  const { match, skip, maxDepth, ...rest } = options;
  const { streamId } = await connection.call("walk", {
    ...rest,
    path,
    // JSON has no Infinity, and an absent field means the same.
    maxDepth: maxDepth === Infinity ? undefined : maxDepth,
    match: match?.map(toWire),
    skip: skip?.map(toWire),
  });
  yield* entriesOf(connection.receive(streamId));
}

/** What a glob pattern matches. */
export async function* expandGlob(
  connection: Connection,
  glob: string,
  options: ExpandGlobOptions = {},
): AsyncGenerator<WalkEntry> {
  const { streamId } = await connection.call("expandGlob", { ...options, glob });
  yield* entriesOf(connection.receive(streamId));
}

function toWire({ source, flags }: RegExp): WireRegExp {
  return { source, flags };
}

/** Every chunk is one complete entry. Leaving the loop early cancels the stream. */
async function* entriesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<WalkEntry> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) yield JSON.parse(decoder.decode(chunk)) as WalkEntry;
}
