import type { DoorStream } from "@sandkeep/doors";
import { type ExitStatus, GuestError } from "@sandkeep/host";
import { type Actor, ApiError, type SandboxConfig, type StopReason } from "@sandkeep/protocol";
import type { Reference, RevisionRecord } from "@sandkeep/store";
import { settlesWithin, unlessAborted } from "../../bounded.ts";
import type { Sandbox } from "../../sandboxes/sandbox.ts";
import type { InstancesContext } from "../context.ts";
import { publish } from "../context.ts";
import { appEnvironment } from "../environment.ts";
import { BackOff } from "./back-off.ts";
import { Instance } from "./instance.ts";

/** A server that has run for this long is well: what happens to it later has nothing to do with its start. */
const WELL_AFTER_MS = 60_000;
/** How often a visitor's connection is tried with another instance, because one ended just then. */
const MAX_REPEATS = 2;
/** How long visitors get the same answer after no machine could be had, milliseconds: there may be room again soon. */
const REFUSED_MS = 1_000;
/** How long a machine whose server ended has to end as well, so that it is known which of them failed, milliseconds. */
const MACHINE_END_MS = 5_000;

export const SYSTEM: Actor = { kind: "system" };

/** Machines that end like this have failed. */
const MACHINE_FAILURES: ReadonlySet<StopReason> = new Set(["crashed", "garbage", "powered-off"]);

/** A revision of an app in a context: what an address leads to. */
export interface Served {
  app: Reference;
  organisation: Reference;
  revision: string;
  context: string;
}

/**
 * Runs a revision's server while somebody needs it: starts an instance with the first request, whoever else comes meanwhile waits for
 * the same one, and replaces it when it has ended. An instance that nobody uses ends by itself, like any idle sandbox.
 */
export class AppServer {
  readonly served: Served;
  readonly #context: InstancesContext;
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  #starting: Promise<Instance> | null = null;
  #instance: Instance | null = null;
  /** Why no machine could be had the last time. */
  #refusal: { error: ApiError; until: number } | null = null;
  /** Also told what the server prints. */
  onLine: ((level: "info" | "error", text: string) => void) | null = null;

  constructor(served: Served, context: InstancesContext, backOff = new BackOff()) {
    this.served = served;
    this.#context = context;
    this.#backOff = backOff;
  }

  /** Whether an instance runs or is being started. */
  get isBusy(): boolean {
    return this.#starting !== null || (this.#instance !== null && !this.#instance.isOver);
  }

  /** A visitor's new connection to the server. @throws {ApiError} */
  async dial(): Promise<DoorStream> {
    for (let repeats = 0; ; repeats++) {
      const instance = await this.start().catch((error: unknown) => {
        throw forVisitors(error);
      });
      try {
        return await instance.dial();
      } catch (error) {
        // Nobody had used it for a while, perhaps.
        if (repeats === MAX_REPEATS || !instance.isOver) throw error;
      }
    }
  }

  /** The instance that runs, or another one as soon as it serves. @throws {ApiError} */
  start(): Promise<Instance> {
    if (this.#instance && !this.#instance.isOver) return Promise.resolve(this.#instance);
    return (this.#starting ??= this.#start().finally(() => (this.#starting = null)));
  }

  /** Ends the instance, and lets none start any more. Resolves when its machine is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ApiError("DOOR_NOT_FOUND"));
    await this.#starting?.catch(() => {});
    await this.#end(this.#instance?.sandbox);
  }

  async #start(): Promise<Instance> {
    this.#stopping.signal.throwIfAborted();
    if (this.#refusal && performance.now() < this.#refusal.until) throw this.#refusal.error;
    const { failures, remainingMs } = this.#backOff;
    if (remainingMs > 0)
      throw new ApiError(
        "APP_NOT_RUNNING",
        `The app's server has failed ${failures} times in a row; it is started again in ${Math.ceil(remainingMs / 1_000)} s.`,
      );
    const started = performance.now();
    try {
      const instance = await this.#launch();
      this.#instance = instance;
      this.#report(instance.sandbox.id, { kind: "instance.started", outcome: "ok", durationMs: since(started) });
      void instance.ended
        .then((status) => this.#ended(instance, status))
        .catch((err: unknown) => this.#context.log.error({ err, ...this.#ids }, "an app's machine was not ended"));
      return instance;
    } catch (cause) {
      this.#stopping.signal.throwIfAborted();
      const code = cause instanceof ApiError ? cause.code : "INTERNAL";
      this.#report(null, { kind: "instance.started", outcome: "failed", durationMs: since(started), error: code });
      if (!(cause instanceof ApiError)) this.#context.log.error({ err: cause, ...this.#ids }, "an app was not started");
      const error = cause instanceof ApiError ? cause : new ApiError("APP_NOT_RUNNING", undefined, { cause });
      if (isRefusal(error)) {
        this.#refusal = { error, until: performance.now() + REFUSED_MS };
      } else {
        this.#backOff.failed();
        this.#say("error", `The server could not be started: ${messageOf(cause)}`);
      }
      throw error;
    }
  }

  async #launch(): Promise<Instance> {
    const { sandboxes, limits } = this.#context;
    const { organisation } = this.served;
    const record = await this.#revision();
    const timeout = AbortSignal.timeout(limits.startTimeoutMs);
    const seconds = limits.startTimeoutMs / 1_000;
    const signal = AbortSignal.any([this.#stopping.signal, timeout]);
    const config = await this.#config(record);
    const sandbox = await sandboxes.create(config, { organisation, actor: SYSTEM }, signal).catch((cause: unknown) => {
      if (!timeout.aborted) throw cause;
      throw new ApiError("NO_CAPACITY", `There was no machine within ${seconds} s.`, { cause });
    });
    try {
      // It is used, though nobody can be connected yet.
      using _used = sandbox.hold();
      // The guest need not answer, whatever it is asked.
      return await unlessAborted(this.#serve(sandbox, record, signal), signal);
    } catch (cause) {
      await this.#end(sandbox);
      if (cause instanceof GuestError) throw new ApiError("APP_NOT_RUNNING", `${cause.message}.`, { cause });
      if (cause instanceof ApiError || !timeout.aborted) throw cause;
      throw new ApiError("APP_NOT_RUNNING", `The server did not listen on a port within ${seconds} s.`, { cause });
    }
  }

  async #serve(sandbox: Sandbox, { spec }: RevisionRecord, signal: AbortSignal): Promise<Instance> {
    const { appLog } = this.#context;
    const { app, revision } = this.served;
    const line = (level: "info" | "error", text: string) => {
      appLog.add(app.id, revision, level, text);
      this.onLine?.(level, text);
    };
    const instance = await Instance.start(sandbox, spec, { line, room: (bytes) => appLog.room(app.id, bytes) }, signal);
    if (await instance.listening(signal)) return instance;
    throw new ApiError("APP_NOT_RUNNING", `The server ${howItEnded(await instance.ended)} before it listened.`);
  }

  /** @throws {ApiError} `DOOR_NOT_FOUND` */
  async #revision(): Promise<RevisionRecord & { disk: string }> {
    const record = await this.#context.store.revisions.find(this.served.organisation.id, this.served.revision);
    if (!record?.disk || record.deletedAt !== null) throw new ApiError("DOOR_NOT_FOUND");
    return { ...record, disk: record.disk };
  }

  async #config({ spec, disk }: RevisionRecord & { disk: string }): Promise<SandboxConfig> {
    const { app, organisation, revision, context } = this.served;
    const current = await this.#context.store.find(organisation.id, app.id);
    if (!current) throw new ApiError("DOOR_NOT_FOUND");
    const { policy } = spec;
    return {
      memoryMiB: spec.memoryMiB,
      lifetime: { kind: "session" },
      onIdle: "end",
      idleMs: this.#context.limits.idleMs,
      labels: { app: current.slug, revision },
      root: disk,
      volumes: [],
      allowNet: policy.allow,
      egress: { deny: policy.deny, rules: policy.rules },
      ...(await appEnvironment(this.#context, current, spec, context)),
      expose: { ssh: false, port: null },
    };
  }

  /** The server or the machine of an instance that served has ended. */
  async #ended(instance: Instance, status: ExitStatus | null): Promise<void> {
    // Its programs end first, or the connection to them does. It may be that somebody pauses it.
    if (status === null) await settlesWithin(instance.sandbox.pausing ?? instance.sandbox.ended, MACHINE_END_MS);
    const { record, isEnding } = instance.sandbox;
    // A machine may have been idle, or somebody has ended it.
    const failed = isEnding ? record.stopReason !== null && MACHINE_FAILURES.has(record.stopReason) : true;
    if (!failed || since(instance.startedAt) >= WELL_AFTER_MS) this.#backOff.succeeded();
    if (failed && !this.#stopping.signal.aborted) {
      this.#backOff.failed();
      const detail = `The server ${howItEnded(status)}.`;
      this.#say("error", detail);
      const { app, revision } = this.served;
      publish(
        this.#context,
        { organisation: this.served.organisation, actor: { kind: "machine" } },
        { kind: "instance.crashed", outcome: "failed", data: { app: app.id, slug: app.slug, revision, detail } },
        instance.sandbox.id,
      );
    }
    await this.#end(instance.sandbox);
  }

  async #end(sandbox: Sandbox | undefined): Promise<void> {
    if (!sandbox) return;
    await sandbox.end({ why: "killed", actor: SYSTEM });
    await sandbox.ended;
  }

  #say(level: "info" | "error", text: string): void {
    const { app, revision } = this.served;
    this.#context.appLog.add(app.id, revision, level, text);
    this.onLine?.(level, text);
  }

  get #ids() {
    const { app, revision } = this.served;
    return { app: app.slug, revision };
  }

  #report(
    sandbox: string | null,
    {
      kind,
      outcome,
      ...rest
    }: { kind: "instance.started"; outcome: "ok" | "failed"; durationMs: number; error?: string },
  ): void {
    const { app, organisation, revision } = this.served;
    const data = { app: app.id, slug: app.slug, revision, ...rest };
    publish(this.#context, { organisation, actor: SYSTEM }, { kind, outcome, data }, sandbox);
  }
}

/** Nothing is wrong with the app: it is gone, or there is no machine for it now. */
const isRefusal = ({ code, status }: ApiError) => code === "DOOR_NOT_FOUND" || [429, 503, 507].includes(status);

/** What is wrong with the app or the computer, and which limit is reached, is none of the visitors' business. */
function forVisitors(cause: unknown): ApiError {
  if (!(cause instanceof ApiError) || !isRefusal(cause)) return new ApiError("APP_NOT_RUNNING", undefined, { cause });
  return new ApiError(cause.status === 429 ? "NO_CAPACITY" : cause.code, undefined, { cause });
}

const since = (from: number) => Math.round(performance.now() - from);

function howItEnded(status: ExitStatus | null): string {
  if (status === null) return "ended with its machine";
  if (status.oom) return "was ended because its machine had no memory left";
  return status.signal === null ? `exited with code ${status.code}` : `was ended by ${status.signal}`;
}

/** What an error says to whoever deployed the app. What the server failed at itself is in its log. */
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "the server failed; its log has the details.";
}
