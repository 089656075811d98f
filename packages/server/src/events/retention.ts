import type { Config } from "../config/schema.ts";
import type { Logger } from "../log/logger.ts";
import type { Store } from "../store/contract.ts";

const DAY_MS = 24 * 60 * 60_000;
const EVERY_MS = 60 * 60_000;

/** Forgets what is older than the configuration says: at the start, and every hour. Returns how to stop. */
export function keepWithinRetention(store: Store, { retentionDays, maxEvents }: Config["events"], log: Logger): () => void {
  const prune = async () => {
    const before = Date.now() - retentionDays * DAY_MS;
    const events = await store.events.prune({ before, keep: maxEvents });
    const sandboxes = await store.sandboxes.prune(before);
    if (events + sandboxes > 0) log.info({ events, sandboxes }, "forgot what is older than the retention time");
  };
  const run = () => void prune().catch((error: unknown) => log.error({ err: error }, "could not forget old events"));
  run();
  const timer = setInterval(run, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
