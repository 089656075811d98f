/**
 * FOR TESTS ONLY: ends or disturbs work on files at a chosen step. A step is every call that changes a file or folder,
 * or waits for it to be on disk.
 */

import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const CHANGES = ["rename", "link", "rm", "mkdir", "chmod", "copyFile", "open"] as const;

/**
 * - `kill`: as if the process was killed before the step. No later step happens either, so nothing is cleaned up.
 * - `full`: the step fails because the disk is full, and later ones succeed.
 */
export type Disturbance = "kill" | "full";

/** Runs a task, disturbed at step `at` (from 0), until it has settled. Resolves to its error; null if it had none. */
export async function disturbed(how: Disturbance, at: number, task: () => Promise<unknown>): Promise<Error | null> {
  let made = 0;
  const step = () => {
    const number = made++;
    if (how === "kill" && number >= at) throw new Error("killed");
    if (how === "full" && number === at) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  const originals = { ...fs };
  const handle = await prototypeOfHandles();
  const { sync } = handle;
  for (const name of CHANGES) {
    const original = originals[name] as (...args: unknown[]) => Promise<unknown>;
    const stepping = async (...args: unknown[]) => {
      step();
      return await original(...args);
    };
    Object.assign(fs, { [name]: stepping });
  }
  handle.sync = async function (this: unknown) {
    step();
    await sync.call(this);
  };
  syncBuiltinESMExports();
  try {
    await task();
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    Object.assign(fs, originals);
    handle.sync = sync;
    syncBuiltinESMExports();
  }
}

async function prototypeOfHandles(): Promise<{ sync(): Promise<void> }> {
  await using handle = await fs.open("/dev/null");
  return Object.getPrototypeOf(handle) as { sync(): Promise<void> };
}
