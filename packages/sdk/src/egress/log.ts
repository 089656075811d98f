import { ApiError } from "../errors/api.ts";
import { path, type Rest } from "../rest/rest.ts";
import { MAX_EVENT_LENGTH, readEvents } from "../rest/server-sent-events.ts";
import type { EgressEvent, EgressLogOptions } from "./types.ts";

/** The kinds of egress events, and the event after which there are no more. */
const KINDS = ["http", "connection", "dns"];
const LAST_KIND = "sandbox.stopped";
/** An id before that of the first event. */
const BEGINNING = "evt_0";

/** An event as the API sends it. */
interface WireEvent {
  id: string;
  kind: string;
  data: Record<string, unknown> & { at: number };
}

/** A sandbox's egress log. Without `follow` it ends with the last stored entry, otherwise when the sandbox stops. */
export async function* readLog(
  rest: Rest,
  sandboxId: string,
  { follow = false, signal }: EgressLogOptions,
): AsyncGenerator<EgressEvent> {
  try {
    yield* follow ? followed(rest, sandboxId, signal) : stored(rest, sandboxId, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

async function* stored(rest: Rest, sandboxId: string, signal: AbortSignal | undefined): AsyncGenerator<EgressEvent> {
  const response = await rest.request("GET", path`/api/v1/sandboxes/${sandboxId}/egress/log`, {
    query: { format: "jsonl" },
    ...(signal && { signal }),
  });
  let partial = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (partial + chunk).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) yield egressEvent(parse(line));
    if (partial.length > MAX_EVENT_LENGTH)
      throw new ApiError(500, "INVALID_EVENT", `The server sent an event of more than ${MAX_EVENT_LENGTH} characters`);
  }
  if (partial !== "") throw new ApiError(500, "INVALID_EVENT", "The egress log ended in the middle of an event");
}

/** The server disconnects readers that are too slow; then this continues after the last event it has received. */
async function* followed(rest: Rest, sandboxId: string, signal: AbortSignal | undefined): AsyncGenerator<EgressEvent> {
  let last = BEGINNING;
  for (;;) {
    const before = last;
    const query = { sandbox: sandboxId, kind: [...KINDS, LAST_KIND].join(","), after: last };
    const response = await rest.request("GET", "/api/v1/events/stream", { query, ...(signal && { signal }) });
    for await (const event of readEvents<WireEvent>(response)) {
      last = event.id;
      if (event.kind === LAST_KIND) return;
      yield egressEvent(event);
    }
    if (last === before)
      throw new ApiError(503, "STREAM_ENDED", "The server ended the stream of events; it may be stopping");
  }
}

function parse(line: string): WireEvent {
  try {
    return JSON.parse(line) as WireEvent;
  } catch (error) {
    throw new ApiError(500, "INVALID_EVENT", `The server sent an event that is not JSON: ${String(error)}`);
  }
}

function egressEvent({ id, kind, data: { at, ...data } }: WireEvent): EgressEvent {
  return { id, kind, startedAt: new Date(at), ...data } as EgressEvent;
}
