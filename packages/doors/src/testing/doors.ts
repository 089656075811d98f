import { EventEmitter, on, once } from "node:events";
import { connect } from "node:net";
import { ApiError } from "@sandkeep/protocol";
import type { DoorStream, HttpDoor, HttpDoors } from "../contract.ts";

interface TestDoor extends HttpDoor {
  port: number | null;
  tokens: Map<string, number>;
  visitors: Set<() => void>;
}

/** FOR TESTS ONLY: doors to servers on this computer. */
export class TestDoors implements HttpDoors {
  readonly #doors = new Map<string, TestDoor>();
  #opened = 0;
  /** Connections that were opened, by door. */
  readonly dialled: { host: string; stream: DoorStream }[] = [];

  /** Opens a door, private with tokens. */
  open(host: string, port: number | null, tokens?: Record<string, number>): HttpDoor {
    const door: TestDoor = {
      id: `door_${host}`,
      sandboxId: `sbx_${++this.#opened}`,
      organisation: `org_${host}`,
      host,
      auth: tokens ? "token" : "none",
      port,
      tokens: new Map(Object.entries(tokens ?? {})),
      visitors: new Set(),
    };
    this.#doors.set(host, door);
    return door;
  }

  close(host: string): void {
    const door = this.#doors.get(host);
    this.#doors.delete(host);
    for (const leave of [...(door?.visitors ?? [])]) leave();
  }

  find(host: string): HttpDoor | undefined {
    return this.#doors.get(host);
  }

  /** Visitors wait for this. */
  waking: Promise<void> | null = null;
  readonly #asked = new EventEmitter();

  sleeps(): boolean {
    return this.waking !== null;
  }

  async wake(_door: HttpDoor, _remote: string, signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#asked.emit("gone"));
    this.#asked.emit("asked");
    await this.waking;
  }

  /** From now on counts visitors that wait, or leave; the function that is returned resolves when there are so many. */
  asked(what: "asked" | "gone" = "asked"): (count: number) => Promise<void> {
    const events = on(this.#asked, what);
    return async (count) => {
      for (let n = 0; n < count; n++) await events.next();
    };
  }

  /** A token does not open a door any more. */
  revoke(host: string, token: string): void {
    this.#doors.get(host)?.tokens.delete(token);
  }

  accepts(door: HttpDoor, token: string): number | null {
    const expiresAt = (door as TestDoor).tokens.get(token) ?? null;
    return expiresAt !== null && expiresAt > Date.now() ? expiresAt : null;
  }

  async dial(door: HttpDoor): Promise<DoorStream> {
    const { port, host } = door as TestDoor;
    if (port === null) throw new ApiError("DOOR_NOT_LISTENING", "Nothing in the sandbox listens on port 8000.");
    const stream = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await once(stream, "connect");
    this.dialled.push({ host, stream });
    return stream;
  }

  onClose(door: HttpDoor, close: () => void): Disposable {
    const { visitors } = door as TestDoor;
    visitors.add(close);
    return { [Symbol.dispose]: () => void visitors.delete(close) };
  }
}
