import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { Api } from "@sandkeep/cli";
import type { ServerInfo } from "@sandkeep/protocol";
import type { BenchContext } from "./context.ts";

/** A new server builds its template first, and fifty machines of which some are hot take more than a minute. Milliseconds. */
const READY_TIMEOUT_MS = 300_000;
const READY_POLL_MS = 1_000;
/** How many looks must find the same: making a hot machine takes some seconds. */
const STEADY_LOOKS = 6;
/** While processes wait for a processor for more than this share of the time, in percent, the pool waits, too. */
const BUSY_PERCENT = 50;

/**
 * Waits until the warm pool has what it should have: the number of machines in it no longer grows, and not because the
 * computer is busy.
 */
export async function untilReady(api: Api): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let steady = 0;
  let last = -1;
  while (steady < STEADY_LOOKS && Date.now() < deadline) {
    const {
      host: { waiting },
    } = await api.json<ServerInfo>("GET", "/api/v1/info");
    const now = waiting.processes + waiting.clones + waiting.hot;
    steady = now > 0 && now === last && waitingPercent() < BUSY_PERCENT ? steady + 1 : 0;
    last = now;
    await wait(READY_POLL_MS);
  }
}

/** Of the last ten seconds; 0 if the kernel does not say. */
function waitingPercent(): number {
  try {
    return Number(/^some avg10=([\d.]+)/m.exec(readFileSync("/proc/pressure/cpu", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Creates and kills sandboxes in a row: the warm pool learns that so many are needed, and grows when it is quiet. */
export async function rehearse(context: BenchContext, sandboxes: number): Promise<void> {
  for (let n = 0; n < sandboxes; n++) {
    context.progress.fraction(n / sandboxes, "so that the warm pool knows the demand");
    await (await context.create()).kill();
  }
}
