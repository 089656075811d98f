import { randomUUID } from "node:crypto";
import type { SpawnParams } from "@sandkeep/host";
import { type RpcDecodedParams, WATCHER_RESTART_METHOD } from "@sandkeep/protocol";
import type { ConnectionState } from "../connection-state.ts";
import { PROGRAM_PRELOAD, replSetup } from "../deno/preload.ts";
import { DenoProgram } from "../deno/program.ts";
import { Repl } from "../deno/repl.ts";
import { runArgs } from "../deno/run-args.ts";
import { applicationError, noSuchProcess } from "../errors.ts";
import type { Handlers } from "../handlers.ts";
import { ProcessRun } from "../processes/process-run.ts";
import { openStream, upload } from "../streams/guest-io.ts";

/** Folder in the guest for inline code that is too long for a command line. */
const CODE_DIRECTORY = "/tmp/.sandkeep";

/** Deno programs and REPLs (wire-protocol §7.5). */
export const denoHandlers = {
  async spawnDeno(state, params) {
    const { entrypoint, watch, scriptArgs = [] } = params;
    const watched = entrypoint !== undefined && watch !== undefined && watch !== false;
    const args = entrypoint === undefined ? await inlineArgs(state, params) : runArgs(entrypoint, watch);
    const watcherId = watched ? randomUUID() : null;

    const started = await start(state, params, [...args, ...scriptArgs]);
    if (watcherId) {
      const notification = JSON.stringify({ jsonrpc: "2.0", method: WATCHER_RESTART_METHOD, params: { watcherId } });
      started.program.onRestart = () => state.outbox.send(notification);
    }
    return { ...streamsOf(started.run), watcherId };
  },

  async denoHttpWait(state, { pid }) {
    const program = state.sandbox.program(pid);
    if (!program) throw noSuchProcess(pid);
    state.runs.get(pid)?.openGate();
    return await program.listening(state.signal);
  },

  async spawnDenoRepl(state, params) {
    const { scriptArgs = [] } = params;
    const args = ["repl", "--json", "-A", ...(scriptArgs.length ? ["--", ...scriptArgs] : [])];
    let repl: Repl | undefined;
    const early: Buffer[] = [];
    const { run } = await start(state, params, args, (bytes) => {
      if (!repl) return void early.push(bytes);
      take(repl, bytes);
    });
    const { limits } = state;
    // A character of JSON has up to three bytes in UTF-8.
    const setup = replSetup(Math.floor(limits.replAnswerBytes / 4));
    repl = new Repl(run.pid, { setup, limits, send: (bytes) => run.writeSocket(bytes) });
    for (const bytes of early) take(repl, bytes);
    const { sandbox } = state;
    sandbox.addRepl(repl);
    const started = repl;
    void run.exited
      .catch(() => {})
      .finally(() => {
        started.gone();
        sandbox.removeRepl(started);
      });
    return streamsOf(run);
  },

  async denoReplEval(state, { pid, code }) {
    return await replOf(state, pid).eval(code);
  },

  async denoReplCall(state, { pid, fn, args }) {
    return await replOf(state, pid).call(fn, args ?? []);
  },

  async denoReplClose(state, { pid }) {
    const repl = replOf(state, pid);
    state.sandbox.removeRepl(repl);
    repl.gone(`The REPL ${pid} was closed`);
    // An idle REPL exits when its socket ends, but one that still serves or waits does not.
    await state.guest.call("processKill", { pid, signal: "SIGTERM" });
    return null;
  },
} satisfies Partial<Handlers>;

function replOf(state: ConnectionState, pid: number): Repl {
  const repl = state.sandbox.repl(pid);
  if (!repl) throw noSuchProcess(pid);
  // Answers come the same way as output.
  state.runs.get(pid)?.openGate();
  return repl;
}

/** The socket belongs to the REPL, but code in the REPL can reach it too: garbage there ends the REPL, not the sandbox. */
function take(repl: Repl, bytes: Buffer): void {
  try {
    repl.push(bytes);
  } catch (error) {
    repl.gone(`The REPL ${repl.pid} sent an invalid answer: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const streamsOf = (run: ProcessRun) => ({
  pid: run.pid,
  stdoutStreamId: run.stdout?.id ?? null,
  stderrStreamId: run.stderr?.id ?? null,
});

type StartParams = Pick<
  RpcDecodedParams<"spawnDenoRepl">,
  "env" | "clearEnv" | "cwd" | "stdout" | "stderr" | "stdinStreamId"
>;

/** Starts Deno and keeps what it reports. */
async function start(state: ConnectionState, params: StartParams, args: string[], onSocket?: (bytes: Buffer) => void) {
  const { env, clearEnv, cwd, stdout, stderr, stdinStreamId } = params;
  const spawn: SpawnParams = {
    command: "deno",
    args,
    env,
    clearEnv,
    cwd,
    stdout,
    stderr,
    ...(onSocket ? { socket: true } : { channel: true }),
  };
  let program: DenoProgram | undefined;
  const early: Buffer[] = [];
  const run = await ProcessRun.start(state, spawn, {
    stdinStreamId,
    onChannel: (bytes) => (program ? program.push(bytes) : early.push(bytes)),
    ...(onSocket && { onSocket }),
  });
  program = new DenoProgram(run.pid);
  for (const bytes of early) program.push(bytes);
  state.sandbox.addProgram(program);
  const started = program;
  run.exited.then(
    () => started.end(),
    () => started.end(),
  );
  return { run, program };
}

/**
 * Inline code. `deno eval` takes it from the command line and resolves its imports against the working directory, with
 * no file to write and none to clean up; only what is too long for that becomes a file.
 */
async function inlineArgs(
  state: ConnectionState,
  { code = "", extension = "ts" }: RpcDecodedParams<"spawnDeno">,
): Promise<string[]> {
  if (code.includes("\0")) throw applicationError("TypeError", "Code must not contain NUL characters");
  const commonJs = extension === "cjs" || extension === "cts";
  // Without an import or export, `deno eval` would treat it as CommonJS.
  const source = commonJs ? code : `${code}\nexport {};`;
  if (Buffer.byteLength(source) <= state.limits.inlineCodeBytes) {
    return ["eval", "--preload", PROGRAM_PRELOAD, `--ext=${extension}`, source.startsWith("-") ? ` ${source}` : source];
  }
  await state.guest.call("mkdir", { path: CODE_DIRECTORY, recursive: true });
  const path = await state.guest.call("makeTempFile", {
    dir: CODE_DIRECTORY,
    prefix: "code-",
    suffix: `.${extension}`,
  });
  await upload(openStream(state.guest, "writeFile", { path }), Buffer.from(source));
  return runArgs(path, undefined);
}
