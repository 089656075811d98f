import process from "node:process";
import type { Bytes } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";

/** What becomes of an output of a process. */
export type OutputMode = "piped" | "inherit" | "null";

/** How long output is still waited for after the process has ended and nothing more came, in milliseconds. */
const AFTER_EXIT_MS = 250;
/** How long at most, however much keeps coming: what was left running in the background may print for ever. */
const AFTER_EXIT_AT_MOST_MS = 10_000;

/** An output that goes to this process's own. */
export interface Inherited {
  /** Resolves when all of it has been printed, or the process has ended and only something it left behind holds it open. */
  printed(exited: Promise<unknown>): Promise<void>;
}

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
): { stream: ReadableStream<Bytes> | null; inherited: Inherited | null } {
  if (streamId === null) return { stream: null, inherited: null };
  const stream = connection.receive(streamId);
  return mode === "inherit" ? { stream: null, inherited: print(stream, process[target]) } : { stream, inherited: null };
}

function print(stream: ReadableStream<Bytes>, target: NodeJS.WriteStream): Inherited {
  let lastAt = 0;
  const done = (async () => {
    for await (const chunk of stream) {
      lastAt = Date.now();
      await write(target, chunk);
    }
  })().catch(() => {
    // The connection ended, or nobody reads our output: there is nobody to print for.
  });
  return {
    async printed(exited) {
      await Promise.race([done, exited.catch(() => {})]);
      const deadline = Date.now() + AFTER_EXIT_AT_MOST_MS;
      do {
        const ended = await Promise.race([done.then(() => true), wait(AFTER_EXIT_MS)]);
        if (ended) return;
      } while (Date.now() - lastAt < AFTER_EXIT_MS && Date.now() < deadline);
    },
  };
}

function write(target: NodeJS.WriteStream, chunk: Bytes): Promise<void> {
  if (target.destroyed) return Promise.resolve();
  return new Promise((resolve, reject) => target.write(chunk, (error) => (error ? reject(error) : resolve())));
}

function wait(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false));
}
