import { type FileHandle, open } from "node:fs/promises";
import { ImageError } from "./image.ts";
import { runCommand } from "./tools/command.ts";

/** `flock` exits with this when another process holds the lock. */
const HELD = 75;

/** A lock that is held. Dispose of it to release. */
export interface HeldLock extends AsyncDisposable {
  /** A child that inherits this descriptor holds the lock too, until it ends, even if we end before. */
  readonly fd: number;
}

/**
 * Waits until no other process holds the lock on a file, and takes it. The lock (flock(2)) goes with our open file, so it
 * is released when this process ends in whatever way. util-linux's tool takes it for us: it locks the file it inherits.
 *
 * @param options.onWait called when another process holds it.
 */
export async function lockFile(
  path: string,
  options: { signal?: AbortSignal | undefined; onWait?: () => void } = {},
): Promise<HeldLock> {
  const file = await open(path, "a");
  const flock = (...args: string[]) =>
    runCommand("flock", [...args, "3"], { extra: { 3: file.fd }, signal: options.signal });
  try {
    await flock("--nonblock", "--conflict-exit-code", String(HELD)).catch(async (error: unknown) => {
      if (!(error instanceof ImageError) || error.exitCode !== HELD) throw error;
      options.onWait?.();
      await flock();
    });
  } catch (error) {
    await file.close();
    throw error;
  }
  return held(file);
}

function held(file: FileHandle): HeldLock {
  return { fd: file.fd, [Symbol.asyncDispose]: () => file.close() };
}
