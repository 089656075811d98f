/** TCP connections to the first of several checked addresses that answers. */
import type { Socket } from "node:net";
import { errnoOf } from "@sandkeep/common";
import type { Address } from "../policy/mod.ts";
import { DialError, denial, guestErrno } from "./error.ts";
import { UpstreamSocket } from "./upstream-socket.ts";
import { decideRoute, type Wanted } from "./wanted.ts";

/** Delay before the next address is tried in parallel, milliseconds (RFC 8305 §8). */
const STAGGER_MS = 250;
/** Time limit for all addresses together, milliseconds. A guest's kernel would wait longer; people would not. */
const CONNECT_TIMEOUT_MS = 15_000;
/** Addresses of one name that are tried at most. */
const MAX_ADDRESSES = 8;

export interface Dialled {
  socket: Socket;
  /** The address that answered. */
  address: string;
}

/** Where to connect to. */
export interface Route {
  addresses: readonly Address[];
  port: number;
  /** Whether the addresses come from the configuration, and so are not checked. */
  fixed: boolean;
}

/**
 * Connects to the first address that answers. Each address is checked right before it is dialled. From before its first packet until
 * it closes, a connection is cut when policy no longer allows it.
 *
 * @throws {DialError} the error of the last address
 */
export function connectFirst({ addresses, port, fixed }: Route, wanted: Wanted, signal: AbortSignal): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const queue = addresses.slice(0, MAX_ADDRESSES);
    const trying = new Set<Socket>();
    let last: unknown = null;
    let stagger: NodeJS.Timeout | undefined;
    const finish = (winner: Dialled | null, error?: DialError) => {
      clearTimeout(stagger);
      clearTimeout(deadline);
      signal.removeEventListener("abort", aborted);
      for (const socket of trying) if (socket !== winner?.socket) socket.destroy();
      if (winner) resolve(winner);
      else reject(error);
    };
    const aborted = () => finish(null, unwanted(signal));
    const deadline = setTimeout(
      () => finish(null, new DialError(`No answer within ${CONNECT_TIMEOUT_MS / 1_000} s.`, { errno: "ETIMEDOUT" })),
      CONNECT_TIMEOUT_MS,
    );
    const next = () => {
      clearTimeout(stagger);
      const address = queue.shift();
      if (!address) {
        if (trying.size === 0)
          finish(null, last instanceof DialError ? last : new DialError(describe(last), { errno: guestErrno(last) }));
        return;
      }
      const decide = () => decideRoute(wanted, fixed ? null : address);
      const now = decide();
      if (!now.allowed) {
        last = denial(now);
        return next();
      }
      const socket = new UpstreamSocket().connect({ host: address.text, port, family: address.family });
      trying.add(socket);
      socket.once(
        "close",
        wanted.hold(decide, (why) => socket.destroy(denial(why))),
      );
      const failed = (error: Error) => {
        trying.delete(socket);
        last = error;
        next();
      };
      socket.on("error", () => undefined);
      socket.once("error", failed);
      socket.once("connect", () => {
        socket.off("error", failed);
        finish({ socket, address: address.text });
      });
      if (queue.length > 0) stagger = setTimeout(next, STAGGER_MS);
    };
    signal.addEventListener("abort", aborted, { once: true });
    if (signal.aborted) return aborted();
    next();
  });
}

/** Why an attempt was aborted. */
export function unwanted({ reason }: AbortSignal): DialError {
  return reason instanceof DialError
    ? reason
    : new DialError("The connection is no longer wanted.", { errno: "ECONNRESET" });
}

function describe(error: unknown): string {
  switch (errnoOf(error)) {
    case "ECONNREFUSED":
      return "The connection was refused.";
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return "There is no route to the host.";
    case "ETIMEDOUT":
      return "The host does not answer.";
    default:
      return `The connection failed (${errnoOf(error) ?? "no address"}).`;
  }
}
