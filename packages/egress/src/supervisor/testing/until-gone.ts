import assert from "node:assert/strict";

/** FOR TESTS ONLY: waits until a process is gone. One that has ended may still be there for a moment, until its parent has been told. */
export async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      return assert.equal((error as NodeJS.ErrnoException).code, "ESRCH");
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
