import type { SandboxEvent } from "@sandkeep/protocol";
import type { EventQuery, EventRecord } from "@sandkeep/store";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Env, Services } from "../env.ts";

/**
 * How often a comment line is sent, milliseconds. It keeps connections through proxies open, and reveals clients that
 * are gone.
 */
const KEEPALIVE_MS = 15_000;
/** Events that may wait for a slow reader. Above it the stream ends, and the reader resumes from the last event it has. */
const MAX_WAITING = 5_000;
/** Events read from the store at once. */
const CATCH_UP_PAGE = 500;

type Filter = Pick<EventQuery, "organisation" | "sandbox" | "kinds">;

/**
 * Events as they happen, as server-sent events: `id` is the event's, `data` its JSON. With `after`, first those since
 * then. None is missed or repeated in between.
 */
export function followEvents(
  context: Context<Env>,
  { events, store, closing }: Pick<Services, "events" | "store" | "closing">,
  filter: Filter,
  after: string | undefined,
  view: (record: EventRecord) => SandboxEvent,
): Response {
  return streamSSE(context, async (stream) => {
    const waiting: SandboxEvent[] = [];
    let wake = () => {};
    let ended = false;
    const end = () => {
      ended = true;
      wake();
    };
    const unsubscribe = events.subscribe((event, organisation) => {
      if (organisation !== filter.organisation || (filter.sandbox && event.sandbox !== filter.sandbox)) return;
      if (filter.kinds && !filter.kinds.includes(event.kind)) return;
      waiting.push(event);
      if (waiting.length > MAX_WAITING) end();
      wake();
    });
    const keepalive = setInterval(() => void stream.write(": keep-alive\n\n"), KEEPALIVE_MS);
    stream.onAbort(end);
    const stop = AbortSignal.any([closing, context.get("over")]);
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    const send = (event: SandboxEvent) => stream.writeSSE({ id: event.id, data: JSON.stringify(event) });
    try {
      await stream.write(": follows\n\n");
      let last = after;
      // Events published before the subscription are in the store now; later ones are waiting, and may be in both.
      await events.flush();
      while (last !== undefined && !ended) {
        const page = await store.events.list({ ...filter, after: last, order: "oldest-first", limit: CATCH_UP_PAGE });
        for (const record of page) if (!ended) await send(view(record));
        last = page.at(-1)?.id ?? last;
        if (page.length < CATCH_UP_PAGE) break;
      }
      while (!ended) {
        const event = waiting.shift();
        if (!event) await new Promise<void>((resolve) => (wake = resolve));
        else if (last === undefined || event.id > last) await send(event);
      }
    } finally {
      clearInterval(keepalive);
      unsubscribe();
      stop.removeEventListener("abort", end);
    }
  });
}
