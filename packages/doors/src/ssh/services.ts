import type { Logger } from "@sandkeep/common";
import type { SshDoor, SshDoors } from "./contract.ts";
import type { Guesses } from "./login/guesses.ts";

export interface SshServerOptions {
  doors: SshDoors;
  /** Private key in OpenSSH's format. */
  hostKey: string;
  log: Logger;
}

/** What connections need of the server. */
export interface SshServices extends SshServerOptions {
  guesses: Guesses;
  /** Whether one more connection may come through this door. */
  admits(door: SshDoor): boolean;
}
