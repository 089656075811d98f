import { setTimeout as wait } from "node:timers/promises";
import type { SshExit, SshProcess } from "./contract.ts";
import { ABANDONED_MS } from "./limits.ts";

/** How a process ends that nobody reads from any more; null if it goes on, which nobody waits for. */
export async function abandon(process: SshProcess): Promise<SshExit | null> {
  await process.abandon();
  const over = new AbortController();
  try {
    return await Promise.race([
      process.exited.catch(() => null),
      wait(ABANDONED_MS, null, { ref: false, signal: over.signal }),
    ]);
  } finally {
    over.abort();
  }
}
