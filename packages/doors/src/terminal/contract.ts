/**
 * What web terminals need to know of the rest of the system. It is plain data and byte streams, so that they can run on another computer than
 * the control plane.
 */

import type { SshExit, SshProcess, SshTerminal } from "../ssh/contract.ts";

/** For whom a link is made, and how they get in. */
export interface TerminalInvitation {
  readonly sandboxId: string;
  readonly organisation: string;
  /** Called once, when the link is used. @throws {ApiError} if it leads nowhere any more */
  enter(): Promise<TerminalDoor>;
}

/** A sandbox as what is behind a web terminal. Disposed of when the terminal is over. */
export interface TerminalDoor extends Disposable {
  readonly sandboxId: string;
  /**
   * Starts the user's shell, as at a login.
   *
   * @param signal aborted when nobody wants it any more
   */
  spawn(pty: SshTerminal, signal: AbortSignal): Promise<SshProcess>;
  /** Calls `close` once when whoever came in must leave; at once if that is so already. */
  onClose(close: (farewell: Farewell) => void): Disposable;
  /** Takes notice of what somebody does who has come in. */
  report(report: TerminalReport): void;
}

/** Why a connection is closed: a code of WebSocket, and a sentence for whoever looks at the page, of at most 123 bytes. */
export interface Farewell {
  readonly code: number;
  readonly reason: string;
}

/** What somebody does in a web terminal. */
export type TerminalReport = {
  /** Id of the terminal. */
  terminal: string;
  /** Address that the browser connects from. */
  remote: string;
} & (
  | { action: "open" }
  /** The browser was away, or somebody has loaded the page again. */
  | { action: "return" }
  /** The shell has ended, or was ended for a reason. */
  | { action: "close"; exit: SshExit | null; durationMs: number; reason: string | null }
);
