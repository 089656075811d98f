/** How often is looked whether there are sandboxes, at most. */
const MAX_LOOK_MS = 30_000;

export interface StopRequest {
  /** Whether sandboxes with a lifetime stay. */
  leaveRunning: boolean;
  why: "signal" | "idle";
}

export interface StopOptions {
  /** Stop after this long without a machine, milliseconds. */
  idleMs?: number;
  machines?: () => Promise<number>;
}

/**
 * Waits for a reason to stop: SIGTERM, SIGINT and SIGHUP mean the end for sandboxes, too; SIGUSR2 leaves those with a lifetime
 * running. The second SIGINT ends the process at once.
 */
export function stopRequest({ idleMs, machines }: StopOptions): Promise<StopRequest> {
  return new Promise((resolve) => {
    const cleanUp: (() => void)[] = [];
    const stop = (request: StopRequest) => {
      for (const clean of cleanUp) clean();
      process.once("SIGINT", () => process.exit(130));
      resolve(request);
    };
    for (const [signal, leaveRunning] of [
      ["SIGTERM", false],
      ["SIGINT", false],
      ["SIGHUP", false],
      ["SIGUSR2", true],
    ] as const) {
      const handler = () => stop({ leaveRunning, why: "signal" });
      process.on(signal, handler);
      // The others stay handled: a second request to stop must not kill the server while it stops.
      cleanUp.push(() => signal === "SIGINT" && process.off(signal, handler));
    }
    if (idleMs === undefined || !machines) return;
    let idleSince = Date.now();
    const look = async () => {
      const now = Date.now();
      if ((await machines()) > 0) idleSince = now;
      else if (now - idleSince >= idleMs) stop({ leaveRunning: false, why: "idle" });
    };
    const timer = setInterval(() => void look(), Math.min(MAX_LOOK_MS, Math.max(100, idleMs / 10)));
    cleanUp.push(() => clearInterval(timer));
  });
}
