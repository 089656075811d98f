import { type Logger, withFields } from "@sandkeep/common";
import { type Actor, ApiError, CLOSE, type EventBody } from "@sandkeep/protocol";
import type { Closing, Connection } from "@sandkeep/rpc";
import type { Principal } from "../auth/authenticator.ts";
import type { Lease, TokenEnded } from "../auth/lease.ts";
import type { Heartbeat } from "./heartbeat.ts";

/** A client that has been told why its connection ends has this long to answer, milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** The client of a connection. */
export interface ConnectedClient {
  principal: Principal;
  /** The connection ends with it. It is disposed of when the connection is closed. */
  lease: Lease;
  /** A session ends when its creator disconnects; others come and go. */
  role: "creator" | "joined";
}

/** How a connection ended. */
export interface ConnectionEnd extends Closing {
  /** The server closed it because the client no longer responded. */
  unresponsive: boolean;
}

export interface ConnectionsOptions {
  /** Maximum number of open connections. */
  limit: number;
  heartbeat: Heartbeat;
  log: Logger;
  publish: (actor: Actor, body: EventBody) => void;
}

/** The connections that are open to one sandbox, whatever protocol each speaks. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Connection>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @throws {ApiError} `CONNECTION_LIMIT` */
  checkRoom(): void {
    if (this.#open.size >= this.#options.limit) throw new ApiError("CONNECTION_LIMIT");
  }

  /** Counts a connection until it closes, and closes it when its token ends or its client stops responding. Resolves when it is closed. */
  async add(connection: Connection, { principal: { actor }, lease, role }: ConnectedClient): Promise<ConnectionEnd> {
    const { heartbeat, publish } = this.#options;
    const { id, remote } = connection;
    const log = withFields(this.#options.log, { connection: id });
    const openedAt = Date.now();
    let unresponsive = false;
    this.#open.add(connection);
    heartbeat.watch(connection, (reason) => {
      unresponsive = true;
      // A client that was only stopped reads the reason when it resumes.
      connection.close(CLOSE.goingAway, reason, CLOSE_GRACE_MS);
    });
    publish(actor, { kind: "connection.opened", outcome: "ok", data: { connection: id, role, remote } });
    log.info({ role, remote }, "connection opened");
    const revoke = () => connection.close(CLOSE.policy, (lease.signal.reason as TokenEnded).reason, CLOSE_GRACE_MS);
    if (lease.signal.aborted) revoke();
    else lease.signal.addEventListener("abort", revoke, { once: true });

    const { code, reason } = await connection.closed;
    lease[Symbol.dispose]();
    this.#open.delete(connection);
    const durationMs = Date.now() - openedAt;
    publish(actor, {
      kind: "connection.closed",
      outcome: unresponsive ? "failed" : "ok",
      data: { connection: id, code, reason, durationMs },
    });
    log.info({ code, reason, durationMs, unresponsive }, "connection closed");
    return { code, reason, unresponsive };
  }

  /** Closes all of them with a reason for their clients. Resolves when they are closed. */
  async close(reason: string): Promise<void> {
    for (const connection of this.#open) connection.close(CLOSE.goingAway, reason, CLOSE_GRACE_MS);
    await this.closed();
  }

  /** Resolves when those that are open now are closed. */
  async closed(): Promise<void> {
    await Promise.all([...this.#open].map(({ closed }) => closed));
  }
}
