import type { Client, Handlers } from "../connection-state.ts";
import { readTree, writeTree } from "../files/trees.ts";
import { ProcessRun } from "../processes/process-run.ts";
import { openStream } from "../streams/guest-io.ts";
import { sendBytes } from "../streams/send-bytes.ts";

/** What Sandkeep adds for its own clients. */
export const extensionHandlers = {
  "sandkeep.readFileStream": (client, { path, window }) => readFileStream(client, path, window),
  "sandkeep.readTree": (client, { path, window }) => readTree(client, path, window),
  "sandkeep.writeTree": (client, params) => writeTree(client, params),

  "sandkeep.streamTaken"({ outbound }, { streamId, bytes }) {
    outbound.get(streamId)?.taken(bytes);
    return null;
  },

  async "sandkeep.spawnPty"(client, { command, args, env, clearEnv, cwd, cols, rows, term, stdinStreamId }) {
    const pty = { cols, rows, term: term ?? "xterm-256color" };
    const run = await ProcessRun.start(client, { command, args, env, clearEnv, cwd, pty }, { stdinStreamId });
    return { pid: run.pid, stdoutStreamId: run.stdout!.id };
  },

  "sandkeep.ptyResize": ({ guest }, { pid, cols, rows }) => guest.call("processResize", { pid, cols, rows }),
  "sandkeep.processList": ({ guest }) => guest.call("processList", {}),
} satisfies Partial<Handlers>;

async function readFileStream(client: Client, path: string, window?: number) {
  const file = openStream(client.guest, "readFile", { path }, client.signal);
  const { size } = await file.head;
  return { size, streamId: sendBytes(client, file, window).id };
}
