import { setTimeout as delay } from "node:timers/promises";
import type { AppLog } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import { printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";
import { appPath } from "./app-path.ts";

/** How far back it looks unless it is told otherwise, milliseconds. */
const SINCE_MS = 60 * 60_000;
/** How often it asks for more, milliseconds. */
const FOLLOW_EVERY_MS = 1_000;

interface Options {
  follow?: boolean;
  /** Milliseconds. */
  since?: number;
  level?: string;
  grep?: string;
  revision?: string;
}

interface Page {
  logs: AppLog[];
  next_cursor: string | null;
}

/** `sandkeep logs app`: what it has printed, oldest first; with `--follow` also what it prints from then on. */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [app],
    options: { follow = false, since = SINCE_MS, level, grep, revision },
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const filter = {
    ...(level !== undefined && { level }),
    ...(grep !== undefined && { query: grep }),
    ...(revision !== undefined && { revision_id: revision }),
  };
  let start = new Date(Date.now() - since).toISOString();
  /** How often each line of the moment `start` was printed: the next look begins with that moment, as there may be more of it. */
  let printed = new Map<string, number>();
  for (;;) {
    const from = start;
    const seen = new Map(printed);
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ ...filter, start: from, limit: "1000", ...(cursor !== null && { cursor }) });
      const page: Page = await api.json<Page>("GET", `${appPath(app, "/logs")}?${query}`);
      for (const line of page.logs) {
        const same = JSON.stringify(line);
        const known = seen.get(same) ?? 0;
        if (known > 0) {
          seen.set(same, known - 1);
          continue;
        }
        if (line.timestamp !== start) printed = new Map();
        start = line.timestamp;
        printed.set(same, (printed.get(same) ?? 0) + 1);
        terminal.result(line, ({ dim, red }) => {
          const text = printable(line.message);
          return `${dim(line.timestamp)} ${line.level === "error" ? red(text) : text}`;
        });
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
    if (!follow) return;
    await delay(FOLLOW_EVERY_MS);
  }
}
