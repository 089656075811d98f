import { homedir } from "node:os";
import { join } from "node:path";

/** `SANDKEEP_DATA_DIR`, else `sandkeep` in the user's data directory. */
export function defaultDataDir(): string {
  const { SANDKEEP_DATA_DIR: own, XDG_DATA_HOME: xdg } = process.env;
  if (own) return own;
  return join(xdg || join(homedir(), ".local", "share"), "sandkeep");
}
