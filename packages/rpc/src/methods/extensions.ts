import type { ConnectionState } from "../connection-state.ts";
import { readTree, writeTree } from "../files/trees.ts";
import type { Handlers } from "../handlers.ts";
import { ProcessRun } from "../processes/process-run.ts";
import { openStream } from "../streams/guest-io.ts";
import { sendBytes } from "../streams/send-bytes.ts";

/** What Sandkeep adds for its own clients. */
export const extensionHandlers = {
  "sandkeep.readFileStream": (state, { path, window }) => readFileStream(state, path, window),
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

async function readFileStream(state: ConnectionState, path: string, window?: number) {
  const file = openStream(state.guest, "readFile", { path }, state.signal);
  const { size } = await file.head;
  return { size, streamId: sendBytes(state, file, window).id };
}
