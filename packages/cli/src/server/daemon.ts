import { spawn } from "node:child_process";
import { closeSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CliError, ExitCode } from "../errors.ts";
import { daemonLog, startLock } from "../paths.ts";
import { openDaemonLog } from "./daemon-log.ts";
import { takeLock } from "./file-lock.ts";
import { readState, type ServerState } from "./state.ts";
import { whenReady } from "./when-ready.ts";

/** A server in the background ends after this long without a sandbox, unless SANDKEEP_IDLE_EXIT says otherwise. */
const IDLE_EXIT = "30m";
/** Lines of the log that are shown when the server does not start. */
const LOG_LINES = 12;

export interface DaemonOptions {
  dataDir: string;
  env: NodeJS.ProcessEnv;
  /** Called before the server is started, by whoever starts it: makes sure that there is an image. */
  prepare(): Promise<void>;
  onStart?(): void;
}

/** The server of a data directory: the running one, else a new one in the background. Two at once start one. */
export async function ensureDaemon({ dataDir, env, prepare, onStart }: DaemonOptions): Promise<ServerState> {
  const running = readState(dataDir);
  if (running) return running;
  using lock = await takeLock(startLock(dataDir), () => !readState(dataDir));
  if (!lock) return readState(dataDir)!;
  const meanwhile = readState(dataDir);
  if (meanwhile) return meanwhile;
  await prepare();
  onStart?.();
  return await start(dataDir, env);
}

/** Starts `sandkeep serve` as a process of its own and waits until it serves. */
async function start(dataDir: string, env: NodeJS.ProcessEnv): Promise<ServerState> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
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
