import { readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { startTicks } from "@sandkeep/common/process-identity";
import { stateFile } from "../paths.ts";

/**
 * The state of the server that uses a data directory. It is stored there, readable by its owner only, because it contains a
 * token.
 */
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

/** The running server of a data directory. Ignores the state that a dead one left. */
export function readState(dataDir: string): ServerState | undefined {
  try {
    const state = JSON.parse(readFileSync(stateFile(dataDir), "utf8")) as ServerState;
    return startTicks(state.pid) === state.startTicks ? state : undefined;
  } catch {
    return undefined;
  }
}

export async function writeState(dataDir: string, state: ServerState): Promise<void> {
  const file = stateFile(dataDir);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // Loaded here: most commands only read.
  const { writeFileAtomically } = await import("@sandkeep/common");
  // Not synced: it describes a process, which a power cut ends too.
  await writeFileAtomically(file, `${JSON.stringify(state)}\n`, { durable: false });
}

/** Removes the state if it belongs to this process. */
export function removeState(dataDir: string): void {
  if (readState(dataDir)?.pid === process.pid) rmSync(stateFile(dataDir), { force: true });
}
