import { Agent, type ClientRequest } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpDoor, HttpDoors } from "../contract.ts";
import { KEEP_IDLE_MS, MAX_IDLE } from "./limits.ts";

/** Connections to what is behind one door; some are kept for the next request. Never used for another door. */
export class DoorAgent extends Agent {
  readonly #doors: HttpDoors;
  readonly #door: HttpDoor;
  readonly #streams = new Set<Duplex>();
  /** Ends the wait for another request. */
  readonly #idle = new WeakMap<Duplex, () => void>();
  #closed = false;

  constructor(doors: HttpDoors, door: HttpDoor) {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE });
    this.#doors = doors;
    this.#door = door;
  }

  override createConnection(_options: unknown, done?: (error: Error | null, stream: Duplex) => void): undefined {
    this.#doors.dial(this.#door).then(
      (stream) => {
        this.#streams.add(stream);
        // Also while Node does not listen, between two requests.
        stream.on("error", () => {});
        stream.once("close", () => this.#streams.delete(stream));
        if (this.#closed) stream.destroy();
        done?.(null, asSocket(stream));
      },
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }

  override keepSocketAlive(stream: Duplex): boolean {
    // Its server has ended its side, possibly without closing the connection: there will be no further response.
    if (this.#closed || stream.readableEnded) return false;
    const leave = () => void stream.destroy();
    const timer = setTimeout(leave, KEEP_IDLE_MS).unref();
    stream.once("end", leave);
    this.#idle.set(stream, () => {
      clearTimeout(timer);
      stream.off("end", leave);
    });
    return true;
  }

  override reuseSocket(stream: Duplex, request: ClientRequest): void {
    this.#idle.get(stream)?.();
    super.reuseSocket(stream, request);
  }

  /** Ends all connections, in use or not. */
  override destroy(): void {
    this.#closed = true;
    super.destroy();
    for (const stream of this.#streams) stream.destroy();
  }
}

/** Node's HTTP client calls some methods that only sockets have. */
function asSocket(stream: Duplex): Duplex {
  const none = () => stream;
  return Object.assign(stream, { ref: none, unref: none, setTimeout: none, setNoDelay: none, setKeepAlive: none });
}
