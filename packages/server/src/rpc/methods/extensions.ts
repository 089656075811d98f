import type { Client, Handlers } from "../client.ts";
import { sendBytes } from "../send-bytes.ts";
import { openStream } from "../guest-io.ts";
import { ProcessRun } from "../process-run.ts";

/** What Sandkeep adds for its own clients. */
export const extensionHandlers = {
  "sandkeep.readFileStream": (client, { path }) => readFileStream(client, path),

  async "sandkeep.spawnPty"(client, { command, args, env, clearEnv, cwd, cols, rows, term, stdinStreamId }) {
    const pty = { cols, rows, term: term ?? "xterm-256color" };
    const run = await ProcessRun.start(client, { command, args, env, clearEnv, cwd, pty }, { stdinStreamId });
    return { pid: run.pid, stdoutStreamId: run.stdout!.id };
  },

  "sandkeep.ptyResize": ({ guest }, { pid, cols, rows }) => guest.call("processResize", { pid, cols, rows }),
  "sandkeep.processList": ({ guest }) => guest.call("processList", {}),
} satisfies Partial<Handlers>;

async function readFileStream(client: Client, path: string) {
  const file = openStream(client.guest, "readFile", { path }, client.signal);
  const { size } = await file.head;
  return { size, streamId: sendBytes(client, file).id };
}
