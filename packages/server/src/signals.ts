import type { Logger } from "./log/logger.ts";
import type { Server } from "./server.ts";

/** The exit code of a process that a signal ended: 128 and its number. */
const EXIT_CODE = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Stops the server gracefully on SIGTERM and SIGINT. Resolves when it has stopped. A second signal ends the process at
 * once; the next start then cleans up.
 */
export async function stopOnSignals(server: Server, log: Logger, options: { leaveRunning?: boolean } = {}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let stopping = false;
  const stop = (signal: keyof typeof EXIT_CODE) => {
    if (stopping) process.exit(EXIT_CODE[signal]);
    stopping = true;
    log.info({ signal }, "got a signal");
    server.close(options).then(resolve, reject);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  try {
    await promise;
  } finally {
    process.off("SIGTERM", stop);
    process.off("SIGINT", stop);
  }
}
