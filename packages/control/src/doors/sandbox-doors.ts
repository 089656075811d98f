import type { DoorStream, SshProcess, SshTarget, SshTerminal } from "@sandkeep/doors";
import { type Guest, GuestError, GuestGone } from "@sandkeep/host";
import { type Actor, ApiError, type EventBody, type ExposeRequest, newDoorId } from "@sandkeep/protocol";
import type { SandboxState } from "@sandkeep/rpc";
import { type DoorKind, type DoorRecord, NothingChanged, UniqueViolation } from "@sandkeep/store";
import type { DoorTable } from "./door-table.ts";
import type { DoorHolder, LiveDoor } from "./live-door.ts";
import { newDoorName, newDoorToken } from "./names.ts";
import { GuestProcess } from "./ssh/guest-process.ts";
import { GuestTarget } from "./ssh/guest-target.ts";

/** Doors of one sandbox. More are a mistake, and each is an address that somebody could find. */
const MAX_DOORS = 64;
/** Stable names of one organisation. Each is taken from all others for good. */
const MAX_STABLE_NAMES = 256;
/** How long a token is valid unless its maker says otherwise, milliseconds: a working day and the night before the next. */
export const TOKEN_MS = 24 * 60 * 60_000;

/** Programs look for that before they use more than 256 colours. */
const SHELL_ENV = { COLORTERM: "truecolor" };

export interface SandboxDoorsOptions {
  sandbox: string;
  organisation: string;
  guest: Guest;
  state: SandboxState;
  table: DoorTable;
  isEnding: () => boolean;
  /** While it is being paused: settles when that is over. */
  pausing: () => Promise<unknown> | null;
  publish: (actor: Actor, body: EventBody) => void;
  /** Somebody has come through a door, or left. */
  visited: (change: 1 | -1) => void;
}

/** A door that was just opened, with the only copy of its token. */
export interface OpenedDoor {
  record: DoorRecord;
  token: string | null;
}

/** The ways into one sandbox. */
export class SandboxDoors implements DoorHolder {
  readonly id: string;
  readonly target: SshTarget;
  readonly #options: SandboxDoorsOptions;
  readonly #over = new AbortController();
  /** Doors that are not in the table yet. */
  #opening = 0;

  constructor(options: SandboxDoorsOptions) {
    this.id = options.sandbox;
    this.target = new GuestTarget(options.guest);
    this.#options = options;
    options.table.enter(this);
  }

  /** Aborted when it ends, or goes on later, or elsewhere; the reason is how it ends, see {@link end}. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** Whether its machine is gone, or about to go, and may come back. */
  get #isPaused(): boolean {
    return this.isOver ? this.#over.signal.reason === "paused" : this.pausing !== null;
  }

  get pausing(): Promise<unknown> | null {
    return this.isOver ? null : this.#options.pausing();
  }

  /**
   * Opens a door. Without a port or a process, {@link bind} says later where it leads to.
   *
   * @param details What only doors of this kind have.
   * @throws {ApiError} `DOOR_LIMIT`, `SLUG_ALREADY_IN_USE`, `SANDBOX_NOT_FOUND`, `INVALID_REQUEST`
   */
  async open(
    kind: DoorKind,
    request: Partial<ExposeRequest>,
    actor: Actor,
    details: object | null = null,
  ): Promise<OpenedDoor> {
    const { organisation, table, publish } = this.#options;
    this.#checkOpen();
    if (table.of(this.id).length + this.#opening >= MAX_DOORS)
      throw new ApiError("DOOR_LIMIT", `The sandbox has ${MAX_DOORS} doors already.`);
    const { auth = "none", name, expiresInMs = TOKEN_MS } = request;
    const token = auth === "token" ? newDoorToken() : null;
    const record: DoorRecord = {
      id: newDoorId(),
      organisation,
      kind,
      name: name ?? newDoorName(),
      sandbox: this.id,
      ...this.#target(request),
      auth,
      tokenHash: token?.hash ?? null,
      tokenExpiresAt: token && Date.now() + expiresInMs,
      stable: name !== undefined,
      details,
      createdAt: Date.now(),
    };
    this.#opening++;
    const door = await table.changes.run(record.name, async () => {
      try {
        const stored = await this.#store(record);
        // If it has been paused meanwhile, the door is there when it goes on.
        if (!this.#isPaused) this.#checkOpen();
        return table.add(stored);
      } finally {
        this.#opening--;
      }
    });
    const stored = door.record;
    const { id, port, pid } = stored;
    const data = { door: id, kind, port, pid, auth, name: name ?? null };
    publish(actor, { kind: "door.opened", outcome: "ok", data });
    this.#awaitPort(door);
    return { record: stored, token: token?.token ?? null };
  }

  /**
   * Lets a door of this sandbox lead somewhere else.
   *
   * @param authority its host name, with or without a port
   * @throws {ApiError} `DOOR_NOT_FOUND`, `INVALID_REQUEST`
   */
  async bind(authority: string, target: Partial<Pick<ExposeRequest, "port" | "pid">>): Promise<void> {
    const { table } = this.#options;
    const name = table.addresses.nameIn(authority) ?? "";
    await table.changes.run(name, async () => {
      this.#checkOpen();
      const door = table.named(name);
      if (door?.sandboxId !== this.id)
        throw new ApiError("DOOR_NOT_FOUND", "This sandbox has no door with this domain.");
      const record = { ...door.record, ...this.#target(target) };
      await this.#update(record);
      // What was open leads to where the door led before.
      door.dismiss();
      door.record = record;
      this.#awaitPort(door);
    });
  }

  visited(change: 1 | -1): void {
    this.#options.visited(change);
  }

  publish(actor: Actor, body: EventBody): void {
    this.#options.publish(actor, body);
  }

  /** Takes notice of what somebody does who has come in. @param change whether that is one more, or one less */
  reportVisitor(remote: string, body: EventBody, change: 1 | 0 | -1): void {
    if (change !== 0) this.visited(change);
    this.publish({ kind: "visitor", remote }, body);
  }

  /** Starts the user's shell on a terminal, as at a login. */
  shell(pty: SshTerminal, signal: AbortSignal): Promise<SshProcess> {
    return GuestProcess.start(this.#options.guest, { program: { kind: "shell" }, env: SHELL_ENV, pty }, signal);
  }

  /** Connects to what is behind a door. @throws {ApiError} */
  async dial({ port: known, pid }: Pick<DoorRecord, "port" | "pid">): Promise<DoorStream> {
    const port = pid === null ? known : this.#portOf(pid, known);
    if (this.isOver) throw this.#absent();
    if (port === null) {
      const what = pid === null ? "The door does not lead to a port yet." : `The process ${pid} serves no HTTP yet.`;
      throw new ApiError("DOOR_NOT_LISTENING", what);
    }
    const { guest, visited } = this.#options;
    const stream = guest.stream("dial", { port });
    // Its head has the error, too.
    stream.on("error", () => {});
    try {
      await stream.head;
    } catch (cause) {
      stream.destroy();
      if (cause instanceof GuestGone || this.isOver) throw this.#absent(cause);
      if (!(cause instanceof GuestError)) throw cause;
      const what =
        cause.object.code === "ECONNREFUSED"
          ? `Nothing in the sandbox listens on port ${port}.`
          : `Port ${port} of the sandbox cannot be reached: ${cause.message}.`;
      throw new ApiError("DOOR_NOT_LISTENING", what, { cause });
    }
    if (!stream.closed) {
      visited(1);
      stream.once("close", () => visited(-1));
    }
    return stream;
  }

  /** Why nothing is behind its doors. */
  #absent(cause?: unknown): ApiError {
    return new ApiError(this.#isPaused ? "DOOR_PAUSED" : "DOOR_NOT_FOUND", undefined, { cause });
  }

  /** The sandbox ends, or goes on later, or elsewhere. Everybody who came through a door must leave. */
  end(how: "ended", actor: Actor): void;
  end(how: "paused" | "left"): void;
  end(how: "ended" | "paused" | "left", actor?: Actor): void {
    if (this.isOver) return;
    const { table, publish } = this.#options;
    this.#over.abort(how);
    table.leave(this);
    if (how === "paused") return;
    const doors = table.forget(this.id);
    if (actor) for (const { closedWithSandbox } of doors) publish(actor, closedWithSandbox);
  }

  /** @throws {ApiError} `INVALID_REQUEST` if there is no such process */
  #target({ port, pid }: Partial<Pick<ExposeRequest, "port" | "pid">>): Pick<DoorRecord, "port" | "pid"> {
    if (pid === undefined || pid === null) return { port: port ?? null, pid: null };
    const program = this.#options.state.program(pid);
    if (!program || program.ended)
      throw new ApiError("INVALID_REQUEST", `There is no Deno process ${pid} that was started through the API.`);
    return { port: program.port || null, pid };
  }

  /** Where a process serves: after a restart of the server only the port is known. */
  #portOf(pid: number, known: number | null): number | null {
    const program = this.#options.state.program(pid);
    if (!program) return known;
    return program.ended ? null : program.port || null;
  }

  /** Stores the port of a process once it serves, for a restart of the server. */
  #awaitPort(door: LiveDoor): void {
    const { pid, port } = door.record;
    if (pid === null || port !== null) return;
    const { state, table } = this.#options;
    const { name } = door.record;
    const serves = state.program(pid)?.listening(this.#over.signal);
    serves
      ?.then(() =>
        table.changes.run(name, async () => {
          const found = this.#portOf(pid, null);
          if (found === null || door.record.pid !== pid || table.named(name) !== door) return;
          const record = { ...door.record, port: found };
          await this.#update(record);
          door.record = record;
        }),
      )
      // The process or the sandbox has ended.
      .catch(() => {});
  }

  /** A stable name that the organisation has goes to this sandbox. */
  async #store(record: DoorRecord): Promise<DoorRecord> {
    const { table } = this.#options;
    const { store } = table;
    if (record.stable && !table.addresses.isFree(record.name)) throw taken(record.name);
    if (!record.stable) {
      await this.#orGone(store.insert(record));
      return record;
    }
    for (;;) {
      const before = await store.findByName(record.name);
      if (!before) {
        const kept = (await store.list(record.organisation)).filter(({ stable }) => stable);
        if (kept.length >= MAX_STABLE_NAMES)
          throw new ApiError("DOOR_LIMIT", `The organisation has ${MAX_STABLE_NAMES} stable names already.`);
        try {
          await this.#orGone(store.insert(record));
          return record;
        } catch (error) {
          if (!(error instanceof UniqueViolation)) throw error;
          // An app's, if it is no door's.
          if (!(await store.findByName(record.name))) throw taken(record.name);
          continue;
        }
      }
      if (before.organisation !== record.organisation || !before.stable || before.kind !== record.kind)
        throw taken(record.name);
      const moved = { ...record, id: before.id };
      await this.#update(moved);
      const old = table.named(record.name);
      if (old) {
        old.sandbox?.moved(old.record);
        table.remove(old);
      }
      return moved;
    }
  }

  /** A door of this sandbox leads to another one now. */
  moved({ id, kind }: DoorRecord): void {
    const data = { door: id, kind, why: "moved" } as const;
    this.#options.publish({ kind: "system" }, { kind: "door.closed", outcome: "ok", data });
  }

  async #update(record: DoorRecord): Promise<void> {
    await this.#orGone(this.#options.table.store.update(record));
  }

  /** @throws {ApiError} `SANDBOX_NOT_FOUND` */
  async #orGone(write: Promise<void>): Promise<void> {
    await write.catch((cause: unknown) => {
      throw cause instanceof NothingChanged ? new ApiError("SANDBOX_NOT_FOUND", undefined, { cause }) : cause;
    });
  }

  #checkOpen(): void {
    if (this.isOver || this.#options.isEnding()) throw new ApiError("SANDBOX_NOT_FOUND");
  }
}

function taken(name: string): ApiError {
  return new ApiError("SLUG_ALREADY_IN_USE", `The name ${name} is already taken.`);
}
