import { spawn } from "node:child_process";
import { once } from "node:events";
import { ImageError } from "./image.ts";

/**
 * Waits until no other process holds the lock on a file, and takes it. The lock is the kernel's and held by a child
 * (util-linux's `flock`) that ends when this process ends in whatever way, so that no lock is ever left behind.
 *
 * @param onWait called when another process holds it.
 */
export async function lockFile(path: string, options: { signal?: AbortSignal | undefined; onWait?: () => void } = {}): Promise<AsyncDisposable> {
  const { signal, onWait } = options;
  signal?.throwIfAborted();
  // The first flock only finds out whether there is a need to wait.
  const script = 'flock --nonblock 9 || { echo wait; flock 9; }; echo locked; cat >/dev/null';
  const child = spawn("sh", ["-c", `exec 9>"$1"; ${script}`, "lock", path], { stdio: ["pipe", "pipe", "inherit"], detached: true });
  const release = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    // Ends the one that waits in `flock` too, which does not read its input.
    process.kill(-child.pid!, "SIGKILL");
    await closed;
  };
  const abort = () => void release();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    child.stdout!.setEncoding("utf8");
    for await (const text of child.stdout! as AsyncIterable<string>) {
      if (text.includes("wait")) onWait?.();
      if (text.includes("locked")) return { [Symbol.asyncDispose]: release };
    }
  } catch (error) {
    await release();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
  signal?.throwIfAborted();
  throw new ImageError(`cannot lock ${path}`);
}
