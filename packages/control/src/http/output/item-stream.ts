import type { Context } from "hono";
import { stream as rawStream, streamSSE } from "hono/streaming";
import type { Env } from "../env.ts";

const NDJSON = "application/x-ndjson";

/**
 * Items as they come: one per line if the client accepts `application/x-ndjson`, as Python's does, else server-sent events
 * (wire-protocol §10.2).
 *
 * @param itemsOf what a step has of them
 */
export function stream<Step>(
  context: Context<Env>,
  steps: AsyncIterable<Step>,
  itemsOf: (step: Step) => readonly object[],
): Response {
  const each = async (send: (text: string) => Promise<unknown>) => {
    for await (const step of steps) for (const item of itemsOf(step)) await send(JSON.stringify(item));
  };
  if (context.req.header("accept")?.includes(NDJSON)) {
    context.header("Content-Type", NDJSON);
    return rawStream(context, (out) => each((text) => out.write(`${text}\n`)));
  }
  return streamSSE(context, (out) => each((data) => out.writeSSE({ data })));
}
