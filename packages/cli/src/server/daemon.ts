import { spawn } from "node:child_process";
import { closeSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type FileLock, lockFile } from "@sandkeep/common";
import { CliError, ExitCode } from "../errors.ts";
import { daemonLog, startLock } from "../paths.ts";
import { openDaemonLog } from "./daemon-log.ts";
import { readState, type ServerState } from "./state.ts";
import { whenReady } from "./when-ready.ts";

/** A server in the background ends after this long without a sandbox, unless SANDKEEP_IDLE_EXIT says otherwise. */
const IDLE_EXIT = "30m";
/** How often a command checks whether the server that another command is starting is ready. */
const LOOK_EVERY_MS = 50;
/** Lines of the log that are shown when the server does not start. */
const LOG_LINES = 12;

export interface DaemonOptions {
  dataDir: string;
  env: NodeJS.ProcessEnv;
  /** Called by the process that starts the server, before it does: makes sure that there is an image. */
  prepare(): Promise<void>;
  onStart?(): void;
}

/**
 * The server of a data directory: the running one, otherwise a new one in the background. Concurrent callers start only
 * one.
 */
export async function ensureDaemon({ dataDir, env, prepare, onStart }: DaemonOptions): Promise<ServerState> {
  const running = readState(dataDir);
  if (running) return running;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const turn = await ownTurn(dataDir);
  if ("pid" in turn) return turn;
  using _lock = turn;
  const meanwhile = readState(dataDir);
  if (meanwhile) return meanwhile;
  await prepare();
  onStart?.();
  return await start(dataDir, env);
}

/** The lock for starting the server, or the server that another command has started before the lock was free. */
async function ownTurn(dataDir: string): Promise<FileLock | ServerState> {
  const served = new AbortController();
  let state: ServerState | undefined;
  const timer = setInterval(() => {
    state ??= readState(dataDir);
    if (state) served.abort();
  }, LOOK_EVERY_MS);
  try {
    return await lockFile(startLock(dataDir), { signal: served.signal });
  } catch (error) {
    if (state) return state;
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Starts `sandkeep serve` as a separate process and waits until it is ready. */
async function start(dataDir: string, env: NodeJS.ProcessEnv): Promise<ServerState> {
  const log = openDaemonLog(dataDir);
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      main,
      "serve",
      "--background",
      "--data-dir",
      dataDir,
      "--port",
      env.SANDKEEP_PORT || "0",
      "--idle-exit",
      env.SANDKEEP_IDLE_EXIT || IDLE_EXIT,
    ],
    { detached: true, stdio: ["ignore", log, log], env, cwd: dataDir },
  );
  closeSync(log);
  const state = await whenReady(child, dataDir, () => readState(dataDir));
  child.unref();
  if (state) return state;
  const lines = readFileSync(daemonLog(dataDir), "utf8").trimEnd().split("\n").slice(-LOG_LINES);
  throw new CliError("SERVER_FAILED", `the server did not start:\n${lines.join("\n")}`, {
    hint: `see \`sandkeep doctor\`; the whole log is ${daemonLog(dataDir)}`,
    exitCode: ExitCode.unreachable,
  });
}
