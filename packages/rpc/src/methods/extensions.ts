import type { RpcDecodedParams } from "@sandkeep/protocol";
import type { ConnectionState } from "../connection-state.ts";
import { readTree, writeTree } from "../files/trees.ts";
import type { Handlers } from "../handlers.ts";
import { ProcessRun } from "../processes/process-run.ts";
import { openStream } from "../streams/guest-io.ts";
import { sendBytes } from "../streams/send-bytes.ts";

/** What Sandkeep adds for its own clients. */
export const extensionHandlers = {
  "sandkeep.readFileStream": readFileStream,
  "sandkeep.readTree": (state, { path, window }) => readTree(state, path, window),
  "sandkeep.writeTree": (state, params) => writeTree(state, params),

  "sandkeep.streamTaken"({ outbound }, { streamId, bytes }) {
    outbound.get(streamId)?.taken(bytes);
    return null;
  },

  async "sandkeep.spawnPty"(state, { command, args, env, clearEnv, cwd, cols, rows, term, stdinStreamId }) {
    const pty = { cols, rows, term: term ?? "xterm-256color" };
    const run = await ProcessRun.start(state, { command, args, env, clearEnv, cwd, pty }, { stdinStreamId });
    return { pid: run.pid, stdoutStreamId: run.stdout!.id };
  },

  "sandkeep.ptyResize": ({ guest }, { pid, cols, rows }) => guest.call("processResize", { pid, cols, rows }),
  "sandkeep.processList": ({ guest }) => guest.call("processList", {}),
} satisfies Partial<Handlers>;

type ReadParams = RpcDecodedParams<"sandkeep.readFileStream">;

/** The id aborts the wait for the file, such as a pipe that nobody writes to. Then the client cancels the stream instead. */
async function readFileStream(state: ConnectionState, { path, window, abortId }: ReadParams) {
  const abort = state.aborts.register(abortId, state.signal);
  try {
    const file = openStream(state.guest, "readFile", { path }, abort.signal);
    const { size } = await file.head;
    return { size, streamId: sendBytes(state, file, window).id };
  } finally {
    abort.done();
  }
}
