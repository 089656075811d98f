import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { stateFile } from "../paths.ts";
import { startTicks } from "./process-identity.ts";

/** What is known about the server that uses a data directory; kept there, for its owner only, as it holds a token. */
export interface ServerState {
  pid: number;
  /** See {@link startTicks}. */
  startTicks: number;
  version: string;
  sandboxEndpoint: string;
  apiEndpoint: string;
  token: string;
  caFile: string | null;
}

/** The running server of a data directory. What a dead one left does not count. */
export function readState(dataDir: string): ServerState | undefined {
  try {
    const state = JSON.parse(readFileSync(stateFile(dataDir), "utf8")) as ServerState;
    return startTicks(state.pid) === state.startTicks ? state : undefined;
  } catch {
    return undefined;
  }
}

export function writeState(dataDir: string, state: ServerState): void {
  const file = stateFile(dataDir);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

/** Removes the state, if it is this process's own. */
export function removeState(dataDir: string): void {
  if (readState(dataDir)?.pid === process.pid) rmSync(stateFile(dataDir), { force: true });
}
