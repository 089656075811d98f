import type { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { ChildProcess, ChildProcessStatus, Signal } from "sandkeep";
import { pump } from "./streams.ts";

/**
 * Signals that end a process whose output has no reader, and how long each gets, in milliseconds: some programs ignore a
 * closed pipe.
 */
const ENDING: [Signal, number][] = [
  ["SIGPIPE", 1_000],
  ["SIGTERM", 5_000],
  ["SIGKILL", 0],
];

/**
 * Copies a process's outputs until they end. Resolves to how it ended. Ends the process when its output has no reader any
 * more, as in `yes | head -1`.
 */
export async function carryOutputs(
  child: ChildProcess,
  outputs: [ReadableStream<Uint8Array>, Writable][],
): Promise<ChildProcessStatus> {
  const carried = outputs.map(async ([from, to]) => {
    if (await pump(from, to)) await end(child);
  });
  const [status] = await Promise.all([child.status, ...carried]);
  return status;
}

async function end(child: ChildProcess): Promise<void> {
  let ended = false;
  const note = () => void (ended = true);
  // Whoever waits for the status is told how it ended, or that the connection did.
  const over = child.status.then(note, note);
  for (const [signal, waitMs] of ENDING) {
    if (ended) return;
    await child.kill(signal);
    await Promise.race([over, delay(waitMs, undefined, { ref: false })]);
  }
}
