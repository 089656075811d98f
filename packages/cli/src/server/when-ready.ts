import type { ChildProcess } from "node:child_process";
import { watch } from "node:fs";

/**
 * Waits until a server that was started has written what says that it serves.
 * @param directory where it writes that; must exist
 * @param look gives it when it is there
 * @returns undefined when the server ended before
 */
export async function whenReady<T>(
  server: ChildProcess,
  directory: string,
  look: () => T | undefined,
): Promise<T | undefined> {
  using cleanUp = new DisposableStack();
  return await new Promise((resolve) => {
    const check = () => {
      const found = look();
      if (found !== undefined) resolve(found);
    };
    // Watched before it is looked for, so that it cannot appear in between.
    const watcher = watch(directory, check);
    const ended = () => resolve(look());
    cleanUp.defer(() => {
      watcher.close();
      server.off("exit", ended).off("error", ended);
    });
    server.once("exit", ended).once("error", ended);
    check();
  });
}
