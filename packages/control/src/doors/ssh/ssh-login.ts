import type { Duplex } from "node:stream";
import type {
  SshAddress,
  SshInbound,
  SshListener,
  SshProcess,
  SshReport,
  SshSocket,
  SshSpawnParams,
  SshTarget,
} from "@sandkeep/doors";
import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import type { DoorTable } from "../door-table.ts";
import type { DoorHolder, LiveDoor } from "../live-door.ts";
import { sshEvent } from "./events.ts";

/** Somebody who has logged in, or tries to. If the sandbox is paused, it goes on when it is asked for something. */
export class SshLogin implements SshTarget {
  readonly #table: DoorTable;
  readonly #door: LiveDoor;
  #publish: ((actor: Actor, body: EventBody) => void) | null = null;
  #remote = "unknown";
  #isInside = false;
  #entering: Disposable | null = null;
  /** Where it counts as a visitor. */
  #visited: DoorHolder | null = null;

  constructor(table: DoorTable, door: LiveDoor) {
    this.#table = table;
    this.#door = door;
  }

  async spawn(params: SshSpawnParams, signal: AbortSignal): Promise<SshProcess> {
    return await (await this.#target(signal)).spawn(params, signal);
  }

  async dial(to: SshAddress | SshSocket, signal: AbortSignal): Promise<Duplex> {
    return await (await this.#target(signal)).dial(to, signal);
  }

  async listen(
    port: number,
    take: (connection: SshInbound) => Promise<void>,
    signal: AbortSignal,
  ): Promise<SshListener> {
    return await (await this.#target(signal)).listen(port, take, signal);
  }

  /** Takes notice of what it does. A login comes first, a logout last. */
  report(report: SshReport): void {
    const { action, remote } = report;
    this.#remote = remote;
    if (action === "login") {
      this.#isInside = true;
      this.#publish = this.#table.publisher(this.#door);
      this.#entering = this.#door.onEnter(() => this.#visit());
      this.#visit();
    }
    // First, so that it counts no more whatever happens.
    if (action === "logout") {
      this.#isInside = false;
      this.#entering?.[Symbol.dispose]();
      this.#visited?.visited(-1);
      this.#visited = null;
    }
    this.#publish?.({ kind: "visitor", remote }, sshEvent(report));
  }

  async #target(signal: AbortSignal): Promise<SshTarget> {
    const { sandboxId } = this.#door;
    if (this.#table.sleeps(this.#door))
      await this.#table.wake(this.#door, this.#remote, signal).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.code !== "DOOR_PAUSED") throw error;
        throw new Error(`The sandbox does not run. If it is paused, \`sandkeep resume ${sandboxId}\` lets it go on.`);
      });
    signal.throwIfAborted();
    const { sandbox } = this.#door;
    if (!sandbox || sandbox.isOver) throw new Error("The sandbox has ended.");
    return sandbox.target;
  }

  /** Whoever is logged in keeps the sandbox from being idle, from the moment it runs. */
  #visit(): void {
    const { sandbox } = this.#door;
    if (this.#visited || !this.#isInside || !sandbox || sandbox.isOver) return;
    this.#visited = sandbox;
    sandbox.visited(1);
  }
}
