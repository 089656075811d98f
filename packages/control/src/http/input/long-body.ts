import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { ApiError } from "@sandkeep/protocol";

/** A client that sends nothing for this long while its body is awaited is given up, milliseconds. */
const SILENT_MS = 60_000;

/** A request's body as it arrives. It can be left unread: the client still gets its answer. */
export function bodyStream(request: IncomingMessage, over: AbortSignal, silentMs = SILENT_MS): Readable {
  return Readable.from(pieces(request, over, silentMs), { objectMode: false });
}

async function* pieces(request: IncomingMessage, over: AbortSignal, silentMs: number): AsyncGenerator<Uint8Array> {
  // Without this, who stops reading would close the connection.
  const body = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const { done, value } = await settled(body.next(), over, silentMs);
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    void body.return?.().catch(() => {});
  }
}

async function settled<Result>(next: Promise<Result>, over: AbortSignal, silentMs: number): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new ApiError("REQUEST_TIMEOUT")), silentMs);
  const abort = () => reject(new ApiError("REQUEST_ABORTED"));
  over.addEventListener("abort", abort, { once: true });
  try {
    if (over.aborted) abort();
    return await Promise.race([next, promise]);
  } catch (cause) {
    // Otherwise the connection was lost.
    throw cause instanceof ApiError ? cause : new ApiError("REQUEST_ABORTED", undefined, { cause });
  } finally {
    clearTimeout(timer);
    over.removeEventListener("abort", abort);
  }
}
