import { PRIVATE } from "../private.ts";
import type { Connection } from "../transport/connection.ts";
import { toPath } from "../transport/path.ts";
import type { ProcessParts } from "./child-process.ts";
import { ChildProcess, killOnAbort } from "./child-process.ts";
import type { SpawnOptions } from "./spawn-options.ts";
import { openOutput, openStdin, wireMode } from "./stdio.ts";

/** The parameters that all calls that start a process have in common. */
export interface StartParams {
  stdinStreamId: number | undefined;
  stdout: "piped" | "null";
  stderr: "piped" | "null";
  cwd: string | undefined;
  env: Record<string, string> | undefined;
  clearEnv: boolean | undefined;
}

/** The result that all calls that start a process have in common. */
export interface Started {
  pid: number;
  stdoutStreamId: number | null;
  stderrStreamId: number | null;
}

/**
 * Starts a process with the call that `request` makes, and connects its input and outputs. By default it has no input and
 * prints where this process prints.
 */
export async function start<T extends Started>(
  connection: Connection,
  options: Omit<SpawnOptions, "args">,
  request: (params: StartParams) => Promise<T>,
): Promise<{ parts: ProcessParts; started: T }> {
  const { stdin = "null", stdout = "inherit", stderr = "inherit", cwd, env, clearEnv } = options;
  const input = stdin === "piped" ? openStdin(connection) : null;
  const started = await request({
    stdinStreamId: input?.stdinStreamId,
    stdout: wireMode(stdout),
    stderr: wireMode(stderr),
    cwd: cwd === undefined ? undefined : toPath(cwd),
    env,
    clearEnv,
  }).catch((error) => {
    input?.stdin.abort(error).catch(() => {});
    throw error;
  });
  const out = openOutput(connection, stdout, started.stdoutStreamId, "stdout");
  const err = openOutput(connection, stderr, started.stderrStreamId, "stderr");
  const printed = [out.printed, err.printed].filter((output) => output !== null);
  const parts = {
    connection,
    pid: started.pid,
    stdin: input?.stdin ?? null,
    stdinStreamId: input?.stdinStreamId,
    stdout: out.stream,
    stderr: err.stream,
    printed,
  };
  return { parts, started };
}

/** Starts a command. */
export async function spawn(
  connection: Connection,
  command: string | URL,
  options: SpawnOptions,
): Promise<ChildProcess> {
  const { parts } = await start(connection, options, (params) =>
    connection.call("spawn", { command: toPath(command), args: options.args, ...params }),
  );
  const child = new ChildProcess(PRIVATE, parts);
  killOnAbort(child, options.signal);
  return child;
}
