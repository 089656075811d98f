import type { Logger } from "@sandkeep/common";
import type { Store } from "@sandkeep/store";
import type { Config } from "../config/schema.ts";
import type { EventBus } from "./bus.ts";

const DAY_MS = 24 * 60 * 60_000;
const EVERY_MS = 60 * 60_000;
/**
 * How often the number of new events is checked, milliseconds, and the share of the limit above which deleting does not
 * wait.
 */
const LOOK_EVERY_MS = 10_000;
const MUCH = 0.1;

/**
 * Deletes what exceeds the configured age or number: at the start, every hour, and when sandboxes cause many events.
 * Returns a function that stops it.
 */
export function keepWithinRetention(
  store: Store,
  bus: EventBus,
  { retentionDays, maxEvents }: Config["events"],
  log: Logger,
): () => void {
  let prunedAt = -Infinity;
  let written = 0;
  let pruning = false;
  const prune = async () => {
    const before = Date.now() - retentionDays * DAY_MS;
    const events = await store.events.prune({ before, keep: maxEvents });
    const sandboxes = await store.sandboxes.prune(before);
    if (events + sandboxes > 0)
      log.info({ events, sandboxes }, "deleted what is older than the retention time, or over the limits");
  };
  const look = () => {
    if (pruning || (performance.now() - prunedAt < EVERY_MS && bus.written - written < maxEvents * MUCH)) return;
    prunedAt = performance.now();
    written = bus.written;
    pruning = true;
    void prune()
      .catch((error: unknown) => log.error({ err: error }, "could not delete old events"))
      .finally(() => (pruning = false));
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
