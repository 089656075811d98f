/**
 * What the SSH door needs to know of the rest of the system. It is plain data and byte streams, so that doors can run on another computer
 * than the control plane.
 */

import type { Duplex, Writable } from "node:stream";

/** Knows which user names there are. */
export interface SshDoors {
  /** The door with this user name, if there is one. Called once for each connection. */
  find(username: string): Promise<SshDoor | undefined>;
}

/** A way to log in to a sandbox. */
export interface SshDoor {
  readonly id: string;
  readonly sandboxId: string;
  readonly organisation: string;
  /** Lines as in `authorized_keys`, one of which must log in. Without any, the user name suffices. */
  readonly authorizedKeys: readonly string[];
  readonly target: SshTarget;
  /** Calls `close` once when the door is closed, with its sandbox or before it; at once if it is closed already. */
  onClose(close: () => void): Disposable;
  /** Takes notice of what somebody does who has logged in. */
  report(report: SshReport): void;
}

/** The sandbox behind a door. What it refuses rejects with an error whose message may be shown to the user. */
export interface SshTarget {
  /** @param signal aborted when nobody wants the process any more that is being started */
  spawn(params: SshSpawnParams, signal: AbortSignal): Promise<SshProcess>;
  /** Connects from inside the sandbox. */
  dial(to: SshAddress | SshSocket, signal: AbortSignal): Promise<Duplex>;
  /**
   * Listens inside the sandbox, on loopback, until the signal is aborted.
   *
   * @param port 0 for any
   * @param take Resolves when the next connection may come: until then they wait in the sandbox.
   */
  listen(port: number, take: (connection: SshInbound) => Promise<void>, signal: AbortSignal): Promise<SshListener>;
}

export interface SshListener {
  readonly port: number;
  /** Resolves when nothing listens any more. */
  readonly closed: Promise<unknown>;
}

export interface SshAddress {
  host: string;
  port: number;
}

/** A Unix socket. */
export interface SshSocket {
  /** Absolute. */
  path: string;
}

/** A connection that somebody in the sandbox has made to a port that is listened on. */
export interface SshInbound {
  readonly stream: Duplex;
  /** Where it comes from. */
  readonly origin: SshAddress;
}

/** What is to be started. */
export type SshProgram =
  /** The user's shell, as at a login. */
  | { kind: "shell" }
  /** A command line for the user's shell. */
  | { kind: "exec"; command: string }
  /** The server's end of SFTP, on standard input and output. */
  | { kind: "sftp" };

export interface SshSpawnParams {
  program: SshProgram;
  /** Added to the environment of a login. */
  env: Record<string, string>;
  /** A terminal instead of pipes; all output is `stdout` then. */
  pty?: SshTerminal | undefined;
}

export interface SshTerminal {
  cols: number;
  rows: number;
  term: string;
}

export interface SshProcess {
  readonly pid: number;
  readonly stdin: Writable;
  /** What it prints, in order. A slow reader slows it down. */
  readonly output: AsyncIterable<SshOutput>;
  readonly exited: Promise<SshExit>;
  /** Resolves when that is done, or impossible. */
  resize(cols: number, rows: number): Promise<void>;
  /**
   * Resolves when that is done, or impossible.
   *
   * @param signal such as `SIGTERM`
   */
  signal(signal: string): Promise<void>;
  /** Nobody reads its output any more: it sees closed pipes, or its terminal hangs up. Resolves when that is done, or takes too long. */
  abandon(): Promise<void>;
}

export interface SshOutput {
  to: "stdout" | "stderr";
  bytes: Uint8Array;
}

export interface SshExit {
  /** Exit code; 128 + n if signal n ended it. */
  code: number;
  /** Name of the signal that ended it, such as `SIGTERM`. */
  signal: string | null;
}

/** What somebody does who has logged in. */
export type SshReport = { connection: string; remote: string } & (
  | { action: "login" /** Fingerprint of the key that was used, if one was asked for. */; key: string | null }
  | { action: "logout"; durationMs: number; reason: string | null }
  /** A process that has ended, or could not be started. */
  | {
      action: "shell" | "exec" | "sftp";
      command: string | null;
      terminal: boolean;
      exit: SshExit | null;
      durationMs: number;
      error: string | null;
    }
  /** A connection from the client into the sandbox, or through it, that has ended or could not be made. */
  | { action: "dial"; to: SshAddress | SshSocket; durationMs: number; error: string | null }
  /** The client has asked for connections to a port in the sandbox. */
  | { action: "listen"; port: number; error: string | null }
  /** One of these connections has ended, or could not be made. */
  | { action: "accept"; port: number; durationMs: number; error: string | null }
);

/** {@link SshReport} without what is the same for all of a connection's. */
export type SshActivity = SshReport extends infer Each
  ? Each extends SshReport
    ? Omit<Each, "connection" | "remote">
    : never
  : never;
