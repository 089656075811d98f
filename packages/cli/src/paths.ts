import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where Sandkeep keeps its data: `--data-dir`, otherwise SANDKEEP_DATA_DIR, otherwise `sandkeep` in the user's data
 * directory. The server has the same default; it is repeated here because loading the server takes longer than most
 * commands.
 */
export function dataDirOf(options: { dataDir?: string }, env: NodeJS.ProcessEnv): string {
  return (
    options.dataDir ??
    (env.SANDKEEP_DATA_DIR || join(env.XDG_DATA_HOME || join(env.HOME || homedir(), ".local", "share"), "sandkeep"))
  );
}

/** State of the server in the background, in the data directory. */
export const stateFile = (dataDir: string) => join(dataDir, "server.json");
export const daemonLog = (dataDir: string) => join(dataDir, "server.log");
/** Lock of the command that starts the server in the background, so that no second one does. */
export const startLock = (dataDir: string) => join(dataDir, "start.lock");

/** The data directory whose images are used: SANDKEEP_IMAGES, otherwise this one. Lets several installations share images. */
export const imagesOf = (dataDir: string, env: NodeJS.ProcessEnv) => env.SANDKEEP_IMAGES || dataDir;
