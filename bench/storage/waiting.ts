import { setTimeout as wait } from "node:timers/promises";
import type { Host } from "@sandkeep/host";

/** Interval between looks at the warm pools, milliseconds. */
const LOOK_MS = 100;
/** Longer than any step of a pool takes, milliseconds: heating a clone, emulated. */
const STEP_MS = 5_000;

type Waiting = Pick<Awaited<ReturnType<Host["info"]>>["waiting"], "clones" | "hot">;

/** Waits until so many clones wait in the pools, which are refilled in the background. */
export async function untilWaiting(host: Host, { clones, hot }: Waiting, limitMs: number): Promise<void> {
  for (const until = performance.now() + limitMs; ; await wait(LOOK_MS)) {
    const { waiting } = await host.info();
    if (waiting.clones >= clones && waiting.hot >= hot) return;
    if (performance.now() > until)
      throw new Error(`Only ${waiting.clones} of ${clones} clones wait, ${waiting.hot} of ${hot} hot.`);
  }
}

/** Waits until the pools have what they should have. Resolves to that. */
export async function untilFull(host: Host, limitMs = 300_000): Promise<Waiting> {
  for (const until = performance.now() + limitMs; ; ) {
    const before = (await host.info()).waiting;
    await wait(STEP_MS);
    const { waiting } = await host.info();
    if (waiting.hot > 0 && waiting.clones === before.clones && waiting.hot === before.hot) return waiting;
    if (performance.now() > until) throw new Error(`The warm pools are not full: ${JSON.stringify(waiting)}`);
  }
}
