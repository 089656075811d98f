import { setTimeout as wait } from "node:timers/promises";
import type { Api } from "@sandkeep/cli";
import type { ServerInfo } from "@sandkeep/protocol";
import type { BenchContext } from "./context.ts";

/** A new server builds its template first, which takes some seconds. Milliseconds. */
const READY_TIMEOUT_MS = 120_000;
const READY_POLL_MS = 1_000;

/** Waits until the warm pool has what it should have: the number of machines in it no longer grows. */
export async function untilReady(api: Api): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let steady = 0;
  let last = -1;
  while (steady < 5 && Date.now() < deadline) {
    const {
      host: { waiting },
    } = await api.json<ServerInfo>("GET", "/api/v1/info");
    const now = waiting.processes + waiting.clones + waiting.hot;
    steady = now > 0 && now === last ? steady + 1 : 0;
    last = now;
    await wait(READY_POLL_MS);
  }
}

/** Creates and kills sandboxes in a row: the warm pool learns that so many are needed, and grows when it is quiet. */
export async function rehearse(context: BenchContext, sandboxes: number): Promise<void> {
  for (let n = 0; n < sandboxes; n++) {
    context.progress.fraction(n / sandboxes, "so that the warm pool knows the demand");
    await (await context.create()).kill();
  }
}
