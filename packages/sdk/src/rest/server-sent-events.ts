import { createParser, type ParseError } from "eventsource-parser";
import { ApiError } from "../errors/api.ts";

/**
 * Longest event that is accepted, in UTF-16 code units. The API's events have a few kilobytes; without a bound, a broken
 * server could fill this process's memory with an event that never ends.
 */
export const MAX_EVENT_LENGTH: number = 4 * 1024 * 1024;

/**
 * The data of every event of a `text/event-stream` (HTML Living Standard, section 9.2), as JSON. Throws `ApiError` for an
 * event that is not JSON or is longer than {@link MAX_EVENT_LENGTH}.
 */
export async function* readEvents<T>(response: Response): AsyncGenerator<T> {
  let received: string[] = [];
  const parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: ({ data }) => received.push(data),
    onError: refuseTooLong,
  });
  function* feed(text: string): Generator<T> {
    parser.feed(text);
    for (const data of received) yield parse<T>(data);
    received = [];
  }
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) yield* feed(text);
  // The stream may end without the empty line that ends its last event.
  yield* feed("\n\n");
}

/** Other errors are fields that the standard says to ignore. */
function refuseTooLong(error: ParseError): void {
  if (error.type !== "max-buffer-size-exceeded") return;
  throw new ApiError(500, "INVALID_EVENT", `The server sent an event of more than ${MAX_EVENT_LENGTH} characters`);
}

function parse<T>(data: string): T {
  try {
    return JSON.parse(data) as T;
  } catch (error) {
    throw new ApiError(500, "INVALID_EVENT", `The server sent an event that is not JSON: ${String(error)}`);
  }
}
