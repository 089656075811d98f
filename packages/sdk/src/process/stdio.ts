import process from "node:process";
import type { Bytes } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";

/** What happens to an output of a process. */
export type OutputMode = "piped" | "inherit" | "null";

/** How to request an output: the server does not know `"inherit"`, which is implemented here with a pipe. */
export function wireMode(mode: OutputMode): "piped" | "null" {
  return mode === "null" ? "null" : "piped";
}

/** The piped standard input of a process that is about to start, and the id with which to request it. */
export function openStdin(connection: Connection): { stdin: WritableStream<Bytes>; stdinStreamId: number } {
  const { readable, writable } = new TransformStream<Bytes, Bytes>();
  return { stdin: writable, stdinStreamId: connection.sendStream(readable) };
}

/** An output of a new process: a stream for the caller, one that is printed here, or nothing. */
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

/** Resolves when the output has ended or cannot be printed any more: the connection ended, or nobody reads our own output. */
async function print(stream: ReadableStream<Bytes>, target: NodeJS.WriteStream): Promise<void> {
  try {
    for await (const chunk of stream) await write(target, chunk);
  } catch {
    // The status says what happened to the process.
  }
}

function write(target: NodeJS.WriteStream, chunk: Bytes): Promise<void> {
  if (target.destroyed) return Promise.reject(new Error("This output has no reader any more"));
  return new Promise((resolve, reject) => target.write(chunk, (error) => (error ? reject(error) : resolve())));
}
