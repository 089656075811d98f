import type { ChildProcess } from "node:child_process";

/**
 * Kills a jail that was spawned with `detached: true`, together with what it has started so far. Killing bubblewrap alone while it sets
 * up leaves its first process behind, which waits for it for ever. Later its processes have a session of their own, and end with it or
 * are killed by their pid.
 */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}
