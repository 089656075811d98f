import type { ChildProcess } from "node:child_process";
import { watch } from "node:fs";

/**
 * Waits until a server that was started has written the file that says it is ready.
 * @param directory where it writes the file; must exist
 * @param look returns the content once it exists
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
    // Watch before looking, so that the file cannot appear unnoticed in between.
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
