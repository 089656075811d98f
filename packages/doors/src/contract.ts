/**
 * What doors need to know of the rest of the system. It is plain data and byte streams, so that doors can run on another computer than the
 * control plane.
 */

import type { Duplex } from "node:stream";
import { ApiError } from "@sandkeep/protocol";

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

/** A sandbox is paused, and is not woken now. */
export class NotWoken extends ApiError {
  /** When it is worth trying again, seconds. */
  readonly retryAfterS: number;

  constructor(summary: string, retryAfterMs: number, options?: ErrorOptions) {
    super("DOOR_NOT_WOKEN", summary, options);
    this.retryAfterS = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  }
}

/** Knows which HTTP doors there are, and opens connections behind them. */
export interface HttpDoors {
  /** The door with this host name, if there is one. */
  find(host: string): HttpDoor | undefined;
  /** Whether a token opens this door now. Returns when it expires, epoch milliseconds; null if it does not open the door. */
  accepts(door: HttpDoor, token: string): number | null;
  /** Whether the sandbox behind a door has to be woken before anybody can be served. */
  sleeps(door: HttpDoor): boolean;
  /**
   * Lets a paused sandbox go on for a visitor who may pass. Resolves also when the door has closed meanwhile, or its token has ended.
   *
   * @param remote address of the visitor
   * @param signal aborts when the visitor leaves: nothing begins for somebody who has left
   * @throws {ApiError} `DOOR_PAUSED`, {@link NotWoken}, and the signal's reason
   */
  wake(door: HttpDoor, remote: string, signal: AbortSignal): Promise<void>;
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
