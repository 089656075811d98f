import { isDeepStrictEqual } from "node:util";
import type { EgressSpec } from "@sandkeep/egress";
import { ApiError, type FailureReason } from "@sandkeep/protocol";
import { NothingChanged, type RevisionRecord } from "@sandkeep/store";
import type { Owner } from "../../auth/authenticator.ts";
import type { Sandbox } from "../../sandboxes/sandbox.ts";
import type { StorageContext } from "../../storage/context.ts";
import { snapshotSandbox } from "../../storage/create.ts";
import { deleteDiskNow } from "../../storage/delete.ts";
import type { InstancesContext } from "../context.ts";
import type { AppDoors } from "../running/app-doors.ts";
import { messageOf, type Served, SYSTEM } from "../running/app-server.ts";
import { checkSource } from "./source.ts";
import type { Failure, Stages } from "./stages.ts";

export interface DeploymentContext extends InstancesContext {
  storage: StorageContext;
  doors: AppDoors;
}

/** Name of the snapshot with a revision's root. */
export const snapshotOf = (revision: string) => `rev-${revision}`;

/** How long a line of its log waits for others, milliseconds. */
const SAVE_AFTER_MS = 200;

/** The client's name for a way to fail. */
const REASONS: Record<Failure, FailureReason> = { errored: "error", cancelled: "cancelled", timed_out: "timed_out" };

export interface DeploymentOptions {
  record: RevisionRecord;
  stages: Stages;
  owner: Owner;
  app: { id: string; slug: string };
  /** The sandbox with the files. @throws {ApiError} if it has ended */
  source(): Sandbox;
}

/** One deployment, from the sandbox with the files to the addresses that lead to the revision. */
export class Deployment {
  readonly #context: DeploymentContext;
  readonly #record: RevisionRecord;
  readonly #stages: Stages;
  readonly #owner: Owner;
  readonly #app: { id: string; slug: string };
  readonly #source: () => Sandbox;
  readonly #cancelled = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  #running: Promise<void> | null = null;
  #status: RevisionRecord["status"];
  #disk: string | null = null;
  #diskIsStored = false;
  #changed = Promise.withResolvers<void>();
  #saving: NodeJS.Timeout | undefined;

  constructor(context: DeploymentContext, { record, stages, owner, app, source }: DeploymentOptions) {
    this.#context = context;
    this.#record = record;
    this.#status = record.status;
    this.#stages = stages;
    this.#owner = owner;
    this.#app = app;
    this.#source = source;
  }

  get app(): string {
    return this.#app.id;
  }

  /** Resolves when it has ended. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Resolves with the next change of what is stored of it. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Ends it, at once if its turn has not come yet. @param reason if nobody wished that */
  cancel(reason?: ApiError): void {
    this.#cancelled.abort(reason);
    void this.run();
  }

  /** Never rejects, and leaves nothing behind if it fails. Another call waits for the first. */
  run(): Promise<void> {
    return (this.#running ??= this.#run()
      .catch((err: unknown) => this.#logError(err, "a deployment did not end as it should"))
      .finally(() => this.#over.resolve()));
  }

  async #run(): Promise<void> {
    const started = performance.now();
    const timeout = AbortSignal.timeout(this.#context.limits.deployTimeoutMs);
    const signal = AbortSignal.any([this.#cancelled.signal, timeout]);
    let reason: FailureReason | null = null;
    try {
      await this.#deploy(signal);
    } catch (error) {
      const how = await this.#howFailed(error, timeout);
      reason = REASONS[how];
      await this.#fail(error, how).catch((err: unknown) =>
        this.#logError(err, "that a deployment failed could not be stored"),
      );
    }
    if (reason === null) await this.#context.doors.refresh(this.#app.id);
    this.#announce();
    const { id, spec } = this.#record;
    const data = {
      app: this.#app.id,
      slug: this.#app.slug,
      revision: id,
      timelines: reason === null ? spec.targets.map(({ slug }) => slug) : [],
      failureReason: reason,
      durationMs: Math.round(performance.now() - started),
    };
    const outcome = reason === null ? "ok" : "failed";
    this.#context.events.publish(
      { organisation: this.#owner.organisation, sandbox: null, actor: this.#owner.actor },
      { kind: "revision.deployed", outcome, data },
    );
  }

  async #deploy(signal: AbortSignal): Promise<void> {
    const { storage, store } = this.#context;
    const { id, app, spec } = this.#record;
    signal.throwIfAborted();
    this.#status = "building";
    this.#stages.prepare();
    this.#stages.say("preparing", `Deploying ${spec.path} of the sandbox as it is.`);
    await this.#save();
    const sandbox = this.#source();
    await checkSource(sandbox, spec, signal);
    const snapshot = await snapshotSandbox(storage, sandbox.volumes.root, snapshotOf(id), this.#owner);
    this.#disk = snapshot.id;
    // What is on the disk may be there because more was allowed, or must not go out now that less is.
    if (!isDeepStrictEqual(policyOf(sandbox.egress.spec), spec.policy))
      throw new ApiError("CHANGED_MEANWHILE", "What the sandbox may reach was changed meanwhile: deploy again.");
    this.#stages.say("preparing", "The sandbox's disk is the root of the revision.");
    this.#stages.warmUp();
    await this.#save();
    this.#diskIsStored = true;
    signal.throwIfAborted();
    await this.#warmUp(signal);
    this.#stages.route();
    this.#stages.succeed();
    this.#stages.say("deploying", "Deployed.");
    const { progress, log: buildLog } = this.#stages;
    await store.revisions.succeed({ id, app, spec, progress, buildLog }, Date.now());
    this.#status = "succeeded";
  }

  /** Starts it once: an app whose server never listens must not get any visitor. */
  async #warmUp(signal: AbortSignal): Promise<void> {
    const { doors } = this.#context;
    const { id, spec } = this.#record;
    const context = spec.targets[0]?.context ?? "preview";
    const server = doors.server(this.#served(context));
    const stop = () =>
      void doors.stop({ revision: id }).catch((err: unknown) => this.#logError(err, "an app's machine was not ended"));
    signal.addEventListener("abort", stop, { once: true });
    let last = "";
    server.onLine = (level, line) => {
      last = line;
      this.#stages.say("deploying", line, level);
      // Whoever follows the log sees it soon, and the disk is not written for every line.
      this.#saving ??= setTimeout(() => void this.#save().catch(() => {}), SAVE_AFTER_MS);
    };
    try {
      await server.start();
      signal.throwIfAborted();
    } catch (cause) {
      // It says more than what visitors are told.
      throw last === "" ? cause : new ApiError("APP_NOT_RUNNING", undefined, { cause });
    } finally {
      server.onLine = null;
      clearTimeout(this.#saving);
      signal.removeEventListener("abort", stop);
    }
    if (spec.targets.length === 0) await doors.stop({ revision: id });
  }

  #served(context: string): Served {
    return { app: this.#app, organisation: this.#owner.organisation, revision: this.#record.id, context };
  }

  /** What ended it that nobody wished. */
  get #interruption(): ApiError | null {
    const { reason } = this.#cancelled.signal;
    return reason instanceof ApiError ? reason : null;
  }

  async #howFailed(error: unknown, timeout: AbortSignal): Promise<Failure> {
    if (this.#cancelled.signal.aborted) return this.#interruption ? "errored" : "cancelled";
    if (timeout.aborted) return "timed_out";
    if (!(error instanceof NothingChanged)) return "errored";
    // The store knows already, and whoever wished it has not come to say so.
    const { id, organisation } = this.#record;
    const now = await this.#context.store.revisions.find(organisation, id).catch(() => null);
    return now?.cancellationRequestedAt == null ? "errored" : "cancelled";
  }

  async #fail(error: unknown, how: Failure): Promise<void> {
    const { store, doors, storage } = this.#context;
    const { id } = this.#record;
    // First, whatever the store says then.
    await doors.stop({ revision: id }).catch((err: unknown) => this.#logError(err, "an app's machine was not ended"));
    // Nobody else knows of it.
    if (this.#disk !== null && !this.#diskIsStored)
      await deleteDiskNow(storage, "snapshot", this.#disk, { ...this.#owner, actor: SYSTEM }).catch((err: unknown) =>
        this.#logError(err, "the disk of a deployment that failed could not be removed"),
      );
    const step = this.#disk === null ? "preparing" : "deploying";
    this.#stages.fail(how);
    this.#stages.say(step, WHY[how] ?? reasonOf(this.#interruption ?? error), "error");
    if (how === "errored" && !(error instanceof ApiError)) this.#logError(error, "a deployment failed");
    const { progress, log: buildLog } = this.#stages;
    await store.revisions.fail({ id, progress, buildLog }, REASONS[how], Date.now());
    this.#status = "failed";
    this.#announce();
  }

  async #save(): Promise<void> {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    const { id } = this.#record;
    const { progress, log: buildLog } = this.#stages;
    await this.#context.store.revisions.setProgress({ id, status: this.#status, progress, buildLog, disk: this.#disk });
    this.#announce();
  }

  #announce(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  #logError(err: unknown, what: string): void {
    this.#context.log.error({ err, app: this.#app.slug, revision: this.#record.id }, what);
  }
}

/** What a sandbox may reach, as its revisions have it. */
export function policyOf({ policy: { allow, deny, rules } }: EgressSpec): RevisionRecord["spec"]["policy"] {
  return { allow, deny, rules };
}

const WHY: Partial<Record<Failure, string>> = {
  cancelled: "The deployment was cancelled.",
  timed_out: "The deployment has taken too long.",
};

function reasonOf(error: unknown): string {
  if (error instanceof NothingChanged) return "The app was deleted, or the deployment cancelled, meanwhile.";
  return messageOf(error);
}
