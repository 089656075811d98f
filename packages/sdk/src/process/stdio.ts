import process from "node:process";
import type { Bytes } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";

/** What becomes of an output of a process. */
export type OutputMode = "piped" | "inherit" | "null";

/** How an output is asked for: the server knows nothing of `"inherit"`, which is made of a pipe here. */
export function wireMode(mode: OutputMode): "piped" | "null" {
  return mode === "null" ? "null" : "piped";
}

/** The piped standard input of a process to come, and the id to ask for it with. */
export function openStdin(connection: Connection): { stdin: WritableStream<Bytes>; stdinStreamId: number } {
  const { readable, writable } = new TransformStream<Bytes, Bytes>();
  return { stdin: writable, stdinStreamId: connection.sendStream(readable) };
}

/** What an output of a new process is to the caller: a stream, or one that prints here, or nothing. */
export function openOutput(
  connection: Connection,
  mode: OutputMode,
  streamId: number | null,
  target: "stdout" | "stderr",
): { stream: ReadableStream<Bytes> | null; printed: Promise<void> | null } {
  if (streamId === null) return { stream: null, printed: null };
  const stream = connection.receive(streamId);
  return mode === "inherit" ? { stream: null, printed: print(stream, process[target]) } : { stream, printed: null };
}

/** Resolves when the output has ended, or there is nobody to print for: the connection ended, or our own output is not read. */
async function print(stream: ReadableStream<Bytes>, target: NodeJS.WriteStream): Promise<void> {
  try {
    for await (const chunk of stream) await write(target, chunk);
  } catch {
    // What became of the process is told by its status.
  }
}

function write(target: NodeJS.WriteStream, chunk: Bytes): Promise<void> {
  if (target.destroyed) return Promise.reject(new Error("Nobody reads this output any more"));
  return new Promise((resolve, reject) => target.write(chunk, (error) => (error ? reject(error) : resolve())));
}
