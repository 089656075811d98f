import type { Logger } from "@sandkeep/common";
import type { Holder } from "./backlog.ts";
import type { SshDoor, SshDoors } from "./contract.ts";
import type { Guesses } from "./login/guesses.ts";

export interface SshServerOptions {
  doors: SshDoors;
  /** Private key in OpenSSH's format. */
  hostKey: string;
  log: Logger;
}

/** A client that has logged in. */
export interface Sender extends Holder {
  close(reason: string): void;
}

/** What connections need of the server. */
export interface SshServices extends SshServerOptions {
  guesses: Guesses;
  /** Whether one more connection may come through this door. */
  admits(door: SshDoor): boolean;
  /** To be called when a client has sent something that its sandbox may take its time for. */
  hasSent(client: Sender): void;
}
