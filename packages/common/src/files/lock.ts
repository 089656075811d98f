/**
 * Locks between processes: flock(2) on a file of a local disk. The kernel releases such a lock when the last descriptor of the open file is
 * closed, so also when its holder is killed. Node has no call for it; util-linux's tool locks the open file that it inherits from us.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { errnoOf } from "../errno.ts";

/** `flock`'s exit code if another process holds the lock; it has no other meaning. */
const HELD = 75;
/** The descriptor under which the tool inherits the file. */
const CHILD_FD = 3;

/** A lock that is held. Dispose of it to release it. */
export interface FileLock extends Disposable {
  /** A child process that inherits this descriptor holds the lock too until it ends, even if it outlives us. */
  readonly fd: number;
}

export interface LockOptions {
  /** Aborted when the lock is no longer wanted. */
  signal?: AbortSignal | undefined;
  /** Called once before waiting, if another process holds the lock. */
  onWait?: (() => void) | undefined;
}

/** Takes the lock on a file, which is created if missing. Null if another process, or this one, holds it. */
export function tryLockFile(path: string): Promise<FileLock | null> {
  return withFile(path, async (fd) => ((await flock(path, fd, ["--nonblock"])) ? lockOn(fd) : null));
}

/**
 * Takes the lock on a file, which is created if missing, and waits while it is held elsewhere.
 *
 * @throws the signal's reason when aborted
 */
export function lockFile(path: string, { signal, onWait }: LockOptions = {}): Promise<FileLock> {
  return withFile(path, async (fd) => {
    if (!(await flock(path, fd, ["--nonblock"], signal))) {
      onWait?.();
      await flock(path, fd, [], signal);
    }
    return lockOn(fd);
  });
}

/** Opens the file, and closes it again unless a lock on it is taken. */
async function withFile<T extends FileLock | null>(path: string, take: (fd: number) => Promise<T>): Promise<T> {
  // A plain descriptor: a FileHandle would be closed, and the lock released, when it is garbage-collected.
  const fd = openSync(path, "a", 0o600);
  let taken: T | undefined;
  try {
    return (taken = await take(fd));
  } finally {
    if (!taken) closeSync(fd);
  }
}

function lockOn(fd: number): FileLock {
  let held = true;
  return {
    fd,
    [Symbol.dispose]() {
      // Only once: later the number may refer to another file.
      if (held) closeSync(fd);
      held = false;
    },
  };
}

/** Whether the lock was taken. @throws if the tool is missing or fails, or the signal's reason */
async function flock(path: string, fd: number, options: string[], signal?: AbortSignal): Promise<boolean> {
  signal?.throwIfAborted();
  const child = spawn("flock", [...options, "--conflict-exit-code", String(HELD), String(CHILD_FD)], {
    stdio: ["ignore", "ignore", "pipe", fd],
    // A process group of its own: an interrupt at the terminal reaches only us.
    detached: true,
  });
  // If descriptors have run out, it has no streams, and what follows fails before it listens.
  child.on("error", () => {});
  let message = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (message += text));
  const abort = () => child.kill();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    signal?.throwIfAborted();
    if (code === 0) return true;
    if (code === HELD) return false;
    throw new Error(`${path} cannot be locked: ${message.trim() || `flock ended with ${code ?? "a signal"}`}`);
  } catch (cause) {
    if (errnoOf(cause) !== "ENOENT") throw cause;
    throw new Error(`${path} cannot be locked because the program flock is missing. Install util-linux.`, { cause });
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
