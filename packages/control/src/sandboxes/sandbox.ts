import type { Socket } from "node:net";
import { type Logger, withFields } from "@sandkeep/common";
import type { EgressSpec, Sealer } from "@sandkeep/egress";
import type { Machine } from "@sandkeep/host";
import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import { SandboxSession, serveRpc } from "@sandkeep/rpc";
import type { SandboxRecord, SandboxStore } from "@sandkeep/store";
import type { WebSocket } from "ws";
import type { Principal } from "../auth/authenticator.ts";
import type { Lease, TokenEnded } from "../auth/lease.ts";
import { settlesWithin } from "../bounded.ts";
import type { Limits } from "../config/schema.ts";
import { Deadline } from "../deadline.ts";
import { SandboxEgress } from "../egress/sandbox-egress.ts";
import type { EventBus } from "../events/bus.ts";
import { Connection } from "./connection.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { Inflow } from "./inflow.ts";
import { extendedStop } from "./lifetime.ts";
import { CLOSE_TEXT, machineStop, type Stop, timeoutStop } from "./stop.ts";

/** A machine that is not gone by then is reported; the sandbox counts as stopped all the same. */
const DESTROY_TIMEOUT_MS = 15_000;
/** WebSocket close code "going away", which clients expect at the end of a sandbox (wire-protocol §4.5). */
export const GOING_AWAY = 1001;
/** WebSocket close code "policy violation". */
const POLICY_VIOLATION = 1008;

/** What every sandbox needs of the server. */
export interface SandboxServices {
  store: SandboxStore;
  events: EventBus;
  heartbeat: Heartbeat;
  inflow: Inflow;
  limits: Limits;
  sealer: Sealer;
  log: Logger;
}

/** A running sandbox: a machine, its connections, and the rules by which it ends. */
export class Sandbox {
  readonly record: SandboxRecord;
  readonly organisation: { id: string; slug: string };
  /** Resolves when nothing is left of it and the store knows. */
  readonly ended: Promise<void>;
  /** What it may reach. */
  readonly egress: SandboxEgress;
  readonly #machine: Machine;
  readonly #services: SandboxServices;
  readonly #log: Logger;
  readonly #session: SandboxSession;
  readonly #deadline = new Deadline(() => void this.end(timeoutStop));
  readonly #connections = new Set<Connection>();
  readonly #resolveEnded: () => void;
  #ending: Promise<void> | null = null;

  /** @param spec What it may reach, as the machine has been told, or is to be told by `egress.restore`. */
  constructor(
    machine: Machine,
    record: SandboxRecord,
    organisation: { id: string; slug: string },
    spec: EgressSpec,
    services: SandboxServices,
  ) {
    this.#machine = machine;
    this.record = record;
    this.organisation = organisation;
    this.#services = services;
    this.#log = withFields(services.log, { sandbox: record.id });
    this.#session = new SandboxSession(machine.guest, { log: this.#log, memoryMiB: record.memoryMiB });
    const { store, sealer } = services;
    this.egress = new SandboxEgress({
      machine,
      record,
      spec,
      store,
      sealer,
      log: this.#log,
      isEnding: () => this.isEnding,
      publish: (actor, body) => this.publish(actor, body),
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    if (record.stopAt !== null) this.#deadline.set(record.stopAt);
    machine.exited.then(
      (exit) => this.end(machineStop(exit)),
      (error: unknown) => this.end(machineStop({ reason: "crashed", detail: String(error) })),
    );
  }

  get id(): string {
    return this.record.id;
  }

  get isEnding(): boolean {
    return this.#ending !== null;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** @throws {ApiError} `CONNECTION_LIMIT` */
  checkRoomForConnection(): void {
    if (this.#connections.size >= this.#services.limits.connectionsPerSandbox) throw new ApiError("CONNECTION_LIMIT");
  }

  /** Serves a client until it goes, the sandbox or the token ends. A session ends with its creator's connection; others come and go. */
  attach(socket: WebSocket, transport: Socket, { actor }: Principal, lease: Lease, role: "creator" | "joined"): void {
    const remote = transport.remoteAddress ?? "unknown";
    const connection = new Connection(socket, remote);
    const log = withFields(this.#log, { connection: connection.id });
    this.#connections.add(connection);
    this.#services.heartbeat.watch(socket, transport, (reason) => connection.closeSilent(GOING_AWAY, reason));
    this.#services.inflow.watch(socket, transport);
    connection.closeThrough(
      serveRpc(socket, { session: this.#session, log, emit: (activity) => this.publish(actor, activity) }),
    );
    this.publish(actor, {
      kind: "connection.opened",
      outcome: "ok",
      data: { connection: connection.id, role, remote },
    });
    log.info({ role, remote }, "connection opened");
    void connection.closed.then(({ code, reason, silent }) => {
      lease[Symbol.dispose]();
      this.#connections.delete(connection);
      const durationMs = Date.now() - connection.openedAt;
      this.publish(actor, {
        kind: "connection.closed",
        outcome: silent ? "failed" : "ok",
        data: { connection: connection.id, code, reason, durationMs },
      });
      log.info({ code, reason, durationMs, silent }, "connection closed");
      if (role === "creator" && this.record.stopAt === null)
        void this.end(silent ? { why: "client-silent", actor, detail: reason } : { why: "client-closed", actor });
    });
    // The sandbox may have ended while the client's handshake was finished.
    if (this.#ending) void connection.close(GOING_AWAY, "The sandbox has ended.");
    const end = () => void connection.close(POLICY_VIOLATION, (lease.signal.reason as TokenEnded).reason);
    if (lease.signal.aborted) end();
    else lease.signal.addEventListener("abort", end, { once: true });
  }

  /**
   * Moves the stop time; see {@link extendedStop}. Gives the one that counts, epoch milliseconds.
   *
   * @throws {ApiError} `INVALID_TIMEOUT`, `SANDBOX_NOT_FOUND`
   */
  async extend(requestedStopAtMs: number, actor: Actor): Promise<number> {
    const stopAtMs = extendedStop(
      this.record.stopAt,
      requestedStopAtMs,
      Date.now(),
      this.#services.limits.maxLifetimeMs,
    );
    // At once, so that of two extensions at the same time the further one counts.
    this.record.stopAt = stopAtMs;
    // A session that has a stop time now outlives its creator, and the control plane too.
    await Promise.all([
      this.#services.store.setStopAt(this.id, stopAtMs, this.egress.spec),
      this.#machine.setKeep(true),
    ]);
    if (this.#ending) throw new ApiError("SANDBOX_NOT_FOUND");
    this.#deadline.set(this.record.stopAt);
    this.publish(actor, { kind: "sandbox.extended", outcome: "ok", data: { requestedStopAtMs, stopAtMs } });
    return stopAtMs;
  }

  /** Ends it: connections are told why, the machine goes, the store knows. A second call waits for the first. */
  end(stop: Stop): Promise<void> {
    return (this.#ending ??= this.#end(stop));
  }

  async #end({ why, actor, detail }: Stop): Promise<void> {
    this.#deadline.cancel();
    const now = Date.now();
    for (const connection of this.#connections) void connection.close(GOING_AWAY, CLOSE_TEXT[why]);
    const gone = Promise.all([this.#machine.destroy(), this.#session[Symbol.asyncDispose]()]);
    gone.catch((error: unknown) => this.#log.error({ err: error }, "the machine could not be ended cleanly"));
    const stored = this.#services.store
      .setStopped(this.id, now, why)
      .catch((error: unknown) => this.#log.error({ err: error }, "the store could not note the end of a sandbox"));
    if (!(await settlesWithin(gone, DESTROY_TIMEOUT_MS))) this.#log.error({}, "the machine is still not gone");
    await stored;
    const outcome = why === "crashed" || why === "garbage" ? "failed" : "ok";
    this.publish(actor, {
      kind: "sandbox.stopped",
      outcome,
      data: { why, ...(detail !== undefined && { detail }), lifetimeMs: now - this.record.createdAt },
    });
    this.#log.info({ why, detail }, "sandbox stopped");
    this.#resolveEnded();
  }

  /** Lets go of a machine that is to run on without the server. */
  async leaveRunning(reason: string): Promise<void> {
    this.#deadline.cancel();
    this.#ending = Promise.resolve();
    this.#session.leave();
    await Promise.all([...this.#connections].map((connection) => connection.close(GOING_AWAY, reason)));
    await this.#session[Symbol.asyncDispose]();
  }

  /** Resolves when every connection is closed. */
  async disconnected(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.closed));
  }

  publish(actor: Actor, body: EventBody): void {
    this.#services.events.publish({ organisation: this.organisation, sandbox: this.id, actor }, body);
  }
}
