/** How a jailed process ends, even if its jail does not take everything with it. */
import type { ChildProcess } from "node:child_process";

/** How long descriptors may stay open after the jail's own process has exited, milliseconds; the kernel closes them at once. */
const LEFT_OPEN_MS = 1_000;

/**
 * Resolves when the child has exited and everything that it said has been read, with the reason if it is known. A jail that is killed while it
 * is being set up can leave a process behind, which keeps the descriptors: that one is killed, and the descriptors are closed.
 *
 * @param killRest kills what is left
 */
export function ending(child: ChildProcess, killRest: () => void): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", () => {
      const timer = setTimeout(() => {
        killRest();
        for (const stream of child.stdio) stream?.destroy();
      }, LEFT_OPEN_MS);
      child.once("close", () => clearTimeout(timer));
    });
    child.once("close", (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
  });
}
