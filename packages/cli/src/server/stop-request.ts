/** Longest interval between two checks whether there are sandboxes, in milliseconds. */
const MAX_LOOK_MS = 30_000;

export interface StopRequest {
  /** Whether sandboxes with a timeout keep running. */
  leaveRunning: boolean;
  why: "signal" | "idle";
}

export interface StopOptions {
  /** Stop after this long without a machine, in milliseconds. */
  idleMs?: number;
  machines?: () => Promise<number>;
}

/**
 * Waits for a reason to stop: SIGTERM, SIGINT and SIGHUP end the sandboxes too; SIGUSR2 keeps those with a timeout running. A
 * second SIGINT ends the process at once.
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
      // Keep handling the others: a second request to stop must not kill the server while it stops.
      cleanUp.push(() => signal === "SIGINT" && process.off(signal, handler));
    }
    if (idleMs === undefined || !machines) return;
    let idleSince = Date.now();
    const look = async () => {
      const now = Date.now();
      if ((await machines()) > 0) idleSince = now;
      else if (now - idleSince >= idleMs) stop({ leaveRunning: false, why: "idle" });
    };
    const timer = setInterval(() => look().catch(() => {}), Math.min(MAX_LOOK_MS, Math.max(100, idleMs / 10)));
    cleanUp.push(() => clearInterval(timer));
  });
}
