import type { SandboxEvent } from "@sandkeep/protocol";
import { EventSourceParserStream, ParseError } from "eventsource-parser/stream";
import type { Api } from "../client/api.ts";
import { CliError, ExitCode } from "../errors.ts";

/**
 * Longest event that is accepted, in UTF-16 code units. The server's events have a few kilobytes; the bound keeps a broken
 * server from filling this process's memory.
 */
export const MAX_EVENT_LENGTH = 4 * 1024 * 1024;

/**
 * Shows events as they happen, after the given one, until interrupted. The server ends the stream of a reader that is too
 * slow: then this asks again from the last event it has shown. If the server cut the stream off because the token has been
 * revoked, it says so in its next answer.
 */
export async function follow(
  api: Api,
  query: URLSearchParams,
  after: string | undefined,
  show: (event: SandboxEvent) => void,
): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  let last = after;
  /** Streams in a row that ended without an event. */
  let fruitless = 0;
  try {
    while (!interrupted.signal.aborted) {
      const from = new URLSearchParams([...query, ...(last ? [["after", last]] : [])] as [string, string][]);
      const response = await api.send("GET", `/api/v1/events/stream?${from}`, undefined, interrupted.signal);
      const seen = last;
      try {
        for await (const event of serverSentEvents(response.body!)) {
          last = event.id;
          show(event);
        }
      } catch (error) {
        // A stream that is cut off fails with a TypeError. Other errors are real.
        if (!(error instanceof TypeError)) throw error;
      }
      fruitless = last === seen ? fruitless + 1 : 0;
      if (fruitless > 1) {
        throw new CliError("STREAM_ENDED", "the server ended the stream of events", {
          hint: "it may be stopping; try again",
          exitCode: ExitCode.unreachable,
        });
      }
    }
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

/** The events of a stream of server-sent events, each of which holds a JSON object. */
async function* serverSentEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<SandboxEvent> {
  const messages = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ maxBufferSize: MAX_EVENT_LENGTH }));
  try {
    for await (const { data } of messages) yield JSON.parse(data) as SandboxEvent;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new CliError("INVALID_EVENT", `the server sent an event of more than ${MAX_EVENT_LENGTH} characters`, {
      hint: "check the server's address, and that no other program answers there",
      cause: error,
    });
  }
}
