import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where Sandkeep keeps its data: `--data-dir`, else SANDKEEP_DATA_DIR, else `sandkeep` in the user's data directory. The
 * server has the same default; it is written down again here because loading the server takes longer than most commands.
 */
export function dataDirOf(options: { dataDir?: string }, env: NodeJS.ProcessEnv): string {
  return (
    options.dataDir ??
    (env.SANDKEEP_DATA_DIR || join(env.XDG_DATA_HOME || join(env.HOME || homedir(), ".local", "share"), "sandkeep"))
  );
}

/** Of the server that runs in the background, in the data directory. */
export const stateFile = (dataDir: string) => join(dataDir, "server.json");
export const daemonLog = (dataDir: string) => join(dataDir, "server.log");
/** Held by a command that starts the server in the background, so that two do not. */
export const startLock = (dataDir: string) => join(dataDir, "start.lock");

/** The data directory whose images are used: SANDKEEP_IMAGES, else the own one. Several installations may so share them. */
export const imagesOf = (dataDir: string, env: NodeJS.ProcessEnv) => env.SANDKEEP_IMAGES || dataDir;
