import { ApiError } from "../errors/api.ts";

/** The data of every event of a `text/event-stream` (HTML Living Standard, section 9.2), as JSON. */
export async function* readEvents<T>(response: Response): AsyncGenerator<T> {
  let data: string[] = [];
  for await (const line of linesOf(response)) {
    if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
    if (line !== "" || data.length === 0) continue;
    yield parse<T>(data);
    data = [];
  }
  if (data.length > 0) yield parse<T>(data);
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? "";
    yield* lines;
  }
  yield rest + decoder.decode();
}

function parse<T>(data: string[]): T {
  try {
    return JSON.parse(data.join("\n")) as T;
  } catch (error) {
    throw new ApiError(500, "INVALID_EVENT", `The server sent an event that is not JSON: ${String(error)}`);
  }
}
