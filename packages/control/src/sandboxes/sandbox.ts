import { type Logger, withFields } from "@sandkeep/common";
import type { EgressSpec } from "@sandkeep/egress";
import type { Machine, MachineExit, MachineUsage } from "@sandkeep/host";
import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import { type Connection, type MessageConnection, SandboxState, serveRpc } from "@sandkeep/rpc";
import type { AttachedDisk, SandboxRecord } from "@sandkeep/store";
import { settlesWithin } from "../bounded.ts";
import { Deadline } from "../deadline.ts";
import { SandboxDoors } from "../doors/sandbox-doors.ts";
import { SandboxEgress } from "../egress/sandbox-egress.ts";
import { type ConnectedClient, Connections } from "./connections.ts";
import { extendedStop } from "./lifetime.ts";
import type { SandboxServices } from "./services.ts";
import {
  abandonedStop,
  CLOSE_TEXT,
  idleStop,
  machineStop,
  PAUSED_TEXT,
  type Stop,
  stillHolds,
  timeoutStop,
} from "./stop.ts";
import { SandboxVolumes } from "./volumes.ts";

/** If the machine has not ended by then, that is logged; the sandbox counts as stopped all the same. */
const DESTROY_TIMEOUT_MS = 15_000;

/** A running sandbox: a machine, its connections, and the rules by which it ends. */
export class Sandbox {
  readonly record: SandboxRecord;
  readonly organisation: { id: string; slug: string };
  /** Resolves when its machine has ended and the store has recorded that, or this server has let go of it. */
  readonly ended: Promise<void>;
  /** What it may reach. */
  readonly egress: SandboxEgress;
  /** Its volumes. */
  readonly volumes: SandboxVolumes;
  /** The ways into it. */
  readonly doors: SandboxDoors;
  /** Its programs and files. */
  readonly state: SandboxState;
  /** Id of its machine's host. */
  readonly host: string;
  readonly #machine: Machine;
  readonly #services: SandboxServices<Sandbox>;
  readonly #log: Logger;
  readonly #deadline = new Deadline(() => this.#over(timeoutStop));
  readonly #idle = new Deadline(() => this.#over(idleStop));
  readonly #abandoned = new Deadline(() => this.#over(abandonedStop));
  readonly #connections: Connections;
  readonly #resolveEnded: () => void;
  /** Of the client that created it, if it was that client's connection. */
  #creator: Connection | null = null;
  /** Logins by SSH, and connections through other doors. */
  #visitors = 0;
  #ending: Promise<void> | null = null;
  /** How its machine ended while it was being paused. */
  #suspended: MachineExit | null = null;
  /** Whether it was paused in the end. */
  #pausing: Promise<boolean> | null = null;
  /** Whether it is a session whose creator is yet to come. */
  #awaitsCreator = false;
  /** Whether it was paused before, so that somebody wants to keep it. */
  #wasPaused = false;
  /** Whether a visitor has woken it. */
  #isShared = false;
  #kept = false;
  /** For clients that complete their handshake when it has ended. */
  #farewell = "The sandbox has ended.";

  /**
   * @param spec What it may reach; the machine already knows it, or learns it from `egress.restore`.
   * @param placed The host of the machine, and the disks that it has.
   */
  constructor(
    machine: Machine,
    record: SandboxRecord,
    organisation: { id: string; slug: string },
    spec: EgressSpec,
    placed: { host: string; attached: readonly AttachedDisk[] },
    services: SandboxServices<Sandbox>,
  ) {
    this.#machine = machine;
    this.host = placed.host;
    this.record = record;
    this.organisation = organisation;
    this.#services = services;
    this.#log = withFields(services.log, { sandbox: record.id });
    this.state = new SandboxState(machine.guest, { log: this.#log, memoryMiB: record.memoryMiB });
    const { owner, store, sealer, heartbeat } = services;
    const log = this.#log;
    const ids = { sandbox: record.id, organisation: organisation.id };
    const isEnding = () => this.isEnding;
    const publish = (actor: Actor, body: EventBody) => this.publish(actor, body);
    this.#connections = new Connections({ limit: services.limits.connectionsPerSandbox, heartbeat, log, publish });
    this.egress = new SandboxEgress({ machine, record, spec, owner, store, sealer, log, isEnding, publish });
    this.volumes = new SandboxVolumes({ ...ids, machine, ...placed, storage: services.storage, isEnding, publish });
    this.doors = new SandboxDoors({
      ...ids,
      guest: machine.guest,
      state: this.state,
      table: services.doors,
      isEnding,
      pausing: () => this.#pausing,
      publish,
      visited: (change) => this.#visited(change),
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    if (record.stopAt !== null) this.#deadline.set(record.stopAt);
    machine.exited.then(
      (exit) => this.#exited(exit),
      (error: unknown) => this.#exited({ reason: "crashed", detail: String(error) }),
    );
    this.#watchIdleness();
  }

  get id(): string {
    return this.record.id;
  }

  get isEnding(): boolean {
    return this.#ending !== null;
  }

  /** Whether it ends, or will as soon as its creator's connection, which is being closed, has closed. */
  get isClosing(): boolean {
    return this.isEnding || (this.record.stopAt === null && this.#creator?.open === false);
  }

  /** While it is being paused: whether it is in the end. */
  get pausing(): Promise<boolean> | null {
    return this.#pausing;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Keeps it from being idle until that is disposed of. */
  hold(): Disposable {
    this.#visited(1);
    return { [Symbol.dispose]: () => this.#visited(-1) };
  }

  /**
   * Lets a session that has no client yet end if none comes, or be paused again; the first that comes counts as its
   * creator, unless a visitor has woken it: then it is everybody's who comes, and nobody's connection ends it.
   */
  awaitCreator({ wasPaused = false, isShared = false } = {}): void {
    this.#awaitsCreator = true;
    this.#wasPaused = wasPaused;
    this.#isShared = isShared;
    this.#watchIdleness();
  }

  /** Whether it is paused instead when it would end by itself or with the server. */
  get pausesInstead(): boolean {
    return this.#kept || (this.#wasPaused && this.#awaitsCreator) || this.record.onIdle === "pause";
  }

  /** Whether an earlier server had begun to pause or resume it: whoever wanted to keep it may not know that it runs. */
  get isKept(): boolean {
    return this.#kept;
  }

  keep(): void {
    this.#kept = true;
  }

  /** Whether the machine of a session outlives this server; all others do anyway. */
  async keepSession(keep: boolean): Promise<void> {
    if (this.record.stopAt === null) await this.#machine.setKeep(keep);
  }

  /** Whether a reason to end it holds still. */
  isOver(stop: Stop): boolean {
    const [isUsed, awaitsCreator, isKept] = [this.#isUsed, this.#awaitsCreator, this.#kept];
    return !this.#ending && stillHolds(stop, { stopAt: this.record.stopAt, isUsed, awaitsCreator, isKept });
  }

  /** Whoever was about to end it has found that it is needed: lets it be over again later. */
  goOn(): void {
    if (this.record.stopAt !== null) this.#deadline.set(this.record.stopAt);
    this.#watchIdleness();
  }

  usage(): Promise<MachineUsage> {
    return this.#machine.usage();
  }

  /** @throws {ApiError} `CONNECTION_LIMIT` */
  checkRoomForConnection(): void {
    this.#connections.checkRoom();
  }

  /** Serves RPC on a connection until the client leaves, or the sandbox or the token ends. */
  serve(connection: MessageConnection, client: ConnectedClient): void {
    this.#services.inflow.watch(connection);
    // Before the connection is counted, so that RPC's last events come before the event of the connection's end.
    serveRpc(connection, {
      sandbox: this.state,
      log: withFields(this.#log, { connection: connection.id }),
      emit: (activity) => this.publish(client.principal.actor, activity),
      exposeHttp: (domain, target) => this.doors.bind(domain, target),
    });
    this.attach(connection, client);
  }

  /** Counts a connection of any kind and closes it when the sandbox or the token ends. A session ends with its creator's. */
  attach(connection: Connection, { principal, lease, ...client }: ConnectedClient): void {
    const role = this.#awaitsCreator && !this.#isShared ? "creator" : client.role;
    if (role === "creator") this.#creator = connection;
    this.#awaitsCreator &&= this.#isShared;
    this.#abandoned.cancel();
    this.#idle.cancel();
    void this.#connections.add(connection, { principal, lease, role }).then(({ reason, unresponsive }) => {
      this.#watchIdleness();
      if (role === "joined" || this.record.stopAt !== null) return;
      const { actor } = principal;
      this.#over(unresponsive ? { why: "client-silent", actor, detail: reason } : { why: "client-closed", actor });
    });
    // The sandbox may have ended during the client's handshake.
    if (this.#ending) void this.#connections.close(this.#farewell);
  }

  /** Somebody has come through a door, or left: that is a client, too. */
  #visited(change: 1 | -1): void {
    this.#visitors += change;
    if (this.#visitors === 0) return this.#watchIdleness();
    this.#idle.cancel();
    this.#abandoned.cancel();
  }

  /** From now on it may be without a client for a limited time. */
  #watchIdleness(): void {
    const { idleMs, stopAt } = this.record;
    if (this.#ending || this.#isUsed) return;
    const now = Date.now();
    if (idleMs !== null) this.#idle.set(now + idleMs);
    if (stopAt === null && this.#awaitsCreator) this.#abandoned.set(now + this.#services.limits.creatorTimeoutMs);
  }

  get #isUsed(): boolean {
    return this.#connections.size > 0 || this.#visitors > 0;
  }

  /** Nobody needs it any more: ends it, or pauses it if that is what is wanted. */
  #over(stop: Stop): void {
    if (this.#ending) return;
    if (this.#pausing) void this.#pausing.then((paused) => paused || this.#over(stop));
    else if (this.pausesInstead) void this.#services.pauseInstead(this, stop);
    else void this.end(stop);
  }

  #exited(exit: MachineExit): void {
    if (exit.reason === "paused" && this.#pausing) this.#suspended = exit;
    else void this.end(machineStop(exit));
  }

  /**
   * Moves the stop time; see {@link extendedStop}. Returns the new stop time, epoch milliseconds.
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
    // Before any wait, so that the later of two concurrent extensions wins.
    this.record.stopAt = stopAtMs;
    this.#kept = this.#wasPaused = false;
    this.#abandoned.cancel();
    // A session that gets a stop time outlives its creator's connection, and the control plane.
    await Promise.all([
      this.#services.store.setStopAt(this.#services.owner, this.id, stopAtMs, this.egress.spec),
      this.#machine.setKeep(true),
    ]);
    if (this.#ending) throw new ApiError("SANDBOX_NOT_FOUND");
    this.#deadline.set(this.record.stopAt);
    this.publish(actor, { kind: "sandbox.extended", outcome: "ok", data: { requestedStopAtMs, stopAtMs } });
    return stopAtMs;
  }

  /**
   * Does something during which neither what it may reach nor its volumes change.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`
   */
  quietly<Result>(task: (spec: EgressSpec, attached: readonly AttachedDisk[]) => Promise<Result>): Promise<Result> {
    return this.egress.quietly((spec) =>
      this.volumes.quietly(async (attached) => {
        if (this.#ending) throw new ApiError("SANDBOX_NOT_FOUND");
        return await task(spec, attached);
      }),
    );
  }

  /**
   * Pauses it: its machine ends, and its connections are closed.
   *
   * @param suspend Writes the machine to disk and ends it. If that fails, the sandbox goes on.
   * @throws {ApiError} `SANDBOX_NOT_FOUND`, `CHANGED_MEANWHILE`
   */
  async pause(suspend: (spec: EgressSpec, attached: readonly AttachedDisk[]) => Promise<void>): Promise<void> {
    if (this.#ending) throw new ApiError("SANDBOX_NOT_FOUND");
    if (this.#pausing) throw new ApiError("CHANGED_MEANWHILE", "The sandbox is being paused already.");
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#pausing = promise;
    let paused = false;
    try {
      await this.quietly(suspend);
      paused = true;
      void this.letGo(PAUSED_TEXT, "paused");
      // Its connections may take a moment longer; somebody may resume it already.
      this.#resolveEnded();
    } finally {
      this.#pausing = null;
      resolve(paused);
      // It cannot go on.
      if (!paused && this.#suspended) void this.end(machineStop(this.#suspended));
    }
  }

  /**
   * Ends the sandbox: tells its connections why, destroys the machine, and records the end. A second call waits for the
   * first. A sandbox that is being paused stays paused.
   */
  end(stop: Stop): Promise<void> {
    if (this.#pausing) return this.#pausing.then((paused) => (paused ? undefined : this.end(stop)));
    return (this.#ending ??= this.#end(stop));
  }

  async #end({ why, actor, detail }: Stop): Promise<void> {
    this.#cancelDeadlines();
    const now = Date.now();
    this.record.stopReason = why;
    this.doors.end("ended", actor);
    void this.#connections.close(CLOSE_TEXT[why]);
    const gone = Promise.all([this.#machine.destroy(), this.state[Symbol.asyncDispose]()]);
    gone.catch((error: unknown) => this.#log.error({ err: error }, "the machine could not be ended cleanly"));
    const { owner, store } = this.#services;
    const storeEnd = () =>
      store
        .setStopped(owner, this.id, now, why)
        .catch((error: unknown) => this.#log.error({ err: error }, "the end of a sandbox could not be stored"));
    // That also releases its volumes, which others may use only when the machine is gone.
    const early = this.volumes.any ? null : storeEnd();
    if (!(await settlesWithin(gone, DESTROY_TIMEOUT_MS))) this.#log.error({}, "the machine is still not gone");
    if ((await (early ?? storeEnd())) === false) {
      this.#log.error({ why }, "another control plane has taken this sandbox over: its end here is not recorded");
      return this.#resolveEnded();
    }
    this.volumes.reportReleased(actor);
    const outcome = why === "crashed" || why === "garbage" ? "failed" : "ok";
    this.publish(actor, {
      kind: "sandbox.stopped",
      outcome,
      data: { why, ...(detail !== undefined && { detail }), lifetimeMs: now - this.record.createdAt },
    });
    this.#log.info({ why, detail }, "sandbox stopped");
    this.#resolveEnded();
  }

  /** Lets go of its machine, which keeps running. A sandbox that is being paused stays paused, and one that is ending ends. */
  async leaveRunning(reason: string): Promise<void> {
    while (this.#pausing) await this.#pausing;
    await (this.#ending ?? this.letGo(reason));
  }

  /** Lets go of its machine at once: closes its connections; processes of a machine that goes on later do not notice. */
  async letGo(reason: string, how: "paused" | "left" = "left"): Promise<void> {
    this.#farewell = reason;
    this.#cancelDeadlines();
    this.#ending = Promise.resolve();
    this.doors.end(how);
    this.state.leave();
    await this.#connections.close(this.#farewell);
    await this.state[Symbol.asyncDispose]();
    this.#resolveEnded();
  }

  #cancelDeadlines(): void {
    for (const deadline of [this.#deadline, this.#idle, this.#abandoned]) deadline.cancel();
  }

  /** Resolves when every connection is closed. */
  async disconnected(): Promise<void> {
    await this.#connections.closed();
  }

  publish(actor: Actor, body: EventBody): void {
    this.#services.events.publish({ organisation: this.organisation, sandbox: this.id, actor }, body);
  }
}
