/**
 * What doors need to know of the rest of the system. It is plain data and byte streams, so that doors can run on another computer than the
 * control plane.
 */

import type { Duplex } from "node:stream";

/** A connection into a sandbox: bytes in both directions, each of which ends by itself. */
export type DoorStream = Duplex;

/** A way to something in a sandbox that speaks HTTP. */
export interface HttpDoor {
  readonly id: string;
  readonly sandboxId: string;
  /** Whose door it is. */
  readonly organisation: string;
  /** The host name under which it is reached, in lower case, without a port. */
  readonly host: string;
  /** Who may pass: everybody, or those who have a token for this door. */
  readonly auth: "none" | "token";
}

/** Knows which HTTP doors there are, and opens connections behind them. */
export interface HttpDoors {
  /** The door with this host name, if there is one. */
  find(host: string): HttpDoor | undefined;
  /** Whether a token opens this door now. Returns when it expires, epoch milliseconds; null if it does not open the door. */
  accepts(door: HttpDoor, token: string): number | null;
  /**
   * Lets a paused sandbox go on for a visitor who may pass; null if it runs. Resolves also when the door has closed meanwhile, or its
   * token has ended.
   *
   * @param remote address of the visitor
   * @throws {ApiError} `DOOR_PAUSED`, `DOOR_NOT_WOKEN`
   */
  wake(door: HttpDoor, remote: string): Promise<void> | null;
  /**
   * A new connection to what is behind the door. Nobody else ever uses it.
   *
   * @throws {ApiError} if nothing listens there, or the sandbox has ended or is paused
   */
  dial(door: HttpDoor): Promise<DoorStream>;
  /**
   * Calls `close` once when whoever passed must leave: the door is closed, with its sandbox or before it, or the token that opened it
   * has ended. At once if the door is closed already.
   */
  onClose(door: HttpDoor, close: () => void): Disposable;
}
