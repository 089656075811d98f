import type { RpcDecodedParams } from "@sandkeep/protocol";
import type { ConnectionState } from "../connection-state.ts";
import { applicationError, noSuchProcess } from "../errors.ts";
import type { Handlers } from "../handlers.ts";
import { openStream, write } from "../streams/guest-io.ts";
import type { InboundStream } from "../streams/inbound-stream.ts";
import { sendBytes } from "../streams/send-bytes.ts";

/** Statuses whose responses have no body; the JavaScript client refuses one (wire-protocol §7.6). */
const NULL_BODY = new Set([101, 204, 205, 304]);
/** HTTP from inside the sandbox, and doors into it. */
export const networkHandlers = {
  fetch: (state, params) => fetchInside(state, params),

  async exposeHttp(state, { domain, port, pid }) {
    if (pid !== undefined) {
      if (port !== undefined) throw applicationError("TypeError", "Either port or pid can be exposed, not both");
      if (!state.sandbox.program(pid)) throw noSuchProcess(pid);
      await state.exposeHttp(domain, { pid });
    } else if (port !== undefined) await state.exposeHttp(domain, { port });
    else throw applicationError("TypeError", "Neither port nor pid says what to expose");
    return null;
  },
  vscode() {
    throw applicationError("NotSupported", "VS Code is not available in this version of Sandkeep");
  },
} satisfies Partial<Handlers>;

async function fetchInside(state: ConnectionState, params: RpcDecodedParams<"fetch">) {
  const { method, headers, redirect, abortId, bodyStreamId, pid } = params;
  const url = checkedUrl(params.url);
  const body = bodyStreamId === undefined ? null : state.inbound.claim(bodyStreamId);
  const abort = state.aborts.register(abortId, state.signal);
  try {
    const port = pid === undefined ? undefined : await portOf(state, pid, abort.signal);
    const stream = openStream(
      state.guest,
      "fetch",
      { url, method, headers, redirect, hasBody: body !== null, port },
      abort.signal,
    );
    stream.once("close", abort.done);
    if (body) {
      stream.once("close", () => body.cancel({ constructorName: "Error", message: "The request is over" }));
      void feed(body, stream);
    } else stream.end();

    const head = await stream.head;
    if (head.status < 200) {
      stream.destroy();
      throw applicationError(
        "TypeError",
        `error sending request for url (${url}): the server answered with status ${head.status}`,
      );
    }
    // The guest has decoded the body and left out the headers that describe its encoded form.
    const { status, statusText } = head;
    const answer = { status, statusText, headers: head.headers };
    if (head.hasBody && method !== "HEAD" && !NULL_BODY.has(status))
      return { ...answer, bodyStreamId: sendBytes(state, stream).id };
    stream.destroy();
    return { ...answer, bodyStreamId: null };
  } catch (error) {
    abort.done();
    body?.cancel({ constructorName: "Error", message: "The request failed" });
    throw error;
  }
}

/** Uses the error messages of Deno's `fetch`. */
function checkedUrl(text: string): string {
  if (!URL.canParse(text)) throw applicationError("TypeError", `Invalid URL: '${text}'`);
  const url = new URL(text);
  if (url.protocol === "http:" || url.protocol === "https:") return url.href;
  throw applicationError("TypeError", `Url scheme '${url.protocol.slice(0, -1)}' not supported`);
}

/** Port of a Deno process's HTTP server, once there is one. */
async function portOf(state: ConnectionState, pid: number, signal: AbortSignal): Promise<number> {
  const program = state.sandbox.program(pid);
  if (!program) throw noSuchProcess(pid);
  if (!(await program.listening(signal)) || program.ended)
    throw applicationError("TypeError", `The process ${pid} has ended and serves no HTTP`, "ENOENT");
  if (!program.port)
    throw applicationError("NotSupported", `The HTTP server of process ${pid} does not listen on a port`);
  return program.port;
}

async function feed(body: InboundStream, stream: ReturnType<typeof openStream<"fetch">>): Promise<void> {
  try {
    for await (const chunk of body.chunks()) await write(stream, chunk);
    stream.end();
  } catch (error) {
    // The client's body failed, so the request must not look complete.
    stream.destroy(error as Error);
  }
}
