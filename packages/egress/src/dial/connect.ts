/** A TCP connection to one of several addresses that were checked. */
import type { Socket } from "node:net";
import type { Address } from "../policy/mod.ts";
import { DialError, denial, guestErrno } from "./error.ts";
import { UpstreamSocket } from "./upstream-socket.ts";
import { decideRoute, type Wanted } from "./wanted.ts";

/** How long an address may take to answer before the next one is tried beside it, milliseconds (RFC 8305 §8). */
const STAGGER_MS = 250;
/** How long all of them may take together. A guest's kernel waits longer by itself; people do not. */
const CONNECT_TIMEOUT_MS = 15_000;
/** Addresses of one name that are tried. */
const MAX_ADDRESSES = 8;

export interface Dialled {
  socket: Socket;
  /** The address that answered. */
  address: string;
}

/** Where to connect. */
export interface Route {
  addresses: readonly Address[];
  port: number;
  /** Whether configuration says where it leads: then addresses are not checked. */
  fixed: boolean;
}

/**
 * Connects to the first address that answers. Each is checked when its turn comes, and from before its first packet until it closes
 * a connection is cut when policy does not allow it any more.
 *
 * @throws {DialError} with the last address's error
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

/** Why an attempt was given up. */
export function unwanted({ reason }: AbortSignal): DialError {
  return reason instanceof DialError
    ? reason
    : new DialError("The connection is no longer wanted.", { errno: "ECONNRESET" });
}

function describe(error: unknown): string {
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case "ECONNREFUSED":
      return "The connection was refused.";
    case "ENETUNREACH":
    case "EHOSTUNREACH":
      return "There is no way to the host.";
    case "ETIMEDOUT":
      return "The host does not answer.";
    default:
      return `The connection failed (${(error as NodeJS.ErrnoException | null)?.code ?? "no address"}).`;
  }
}
