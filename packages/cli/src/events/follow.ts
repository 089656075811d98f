import type { SandboxEvent } from "@sandkeep/protocol";
import type { Api } from "../client/api.ts";
import { CliError, ExitCode } from "../errors.ts";

/**
 * Shows events as they happen, after the one named, until interrupted. When the server ends the stream, because this
 * reader was too slow, it is asked again from the last event seen; when it cuts the stream off because the token has ended, it
 * says so then.
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
        // Cut off: a TypeError is the reader's own word for that. What else is wrong is not the stream's.
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

/** The data of server-sent events, one JSON object each (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SandboxEvent> {
  const decoder = new TextDecoder();
  let buffered = "";
  for await (const chunk of body) {
    buffered += decoder.decode(chunk, { stream: true });
    const messages = buffered.split(/\r?\n\r?\n/);
    buffered = messages.pop()!;
    for (const message of messages) {
      const data = message
        .split(/\r?\n/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).replace(/^ /, ""));
      if (data.length > 0) yield JSON.parse(data.join("\n")) as SandboxEvent;
    }
  }
}
