import { KeyedQueue } from "@sandkeep/common";
import { ApiError, type DeployRequest, newRevisionId } from "@sandkeep/protocol";
import { NothingChanged, type RevisionRecord } from "@sandkeep/store";
import type { Owner, Principal } from "../../auth/authenticator.ts";
import { Admission } from "../../sandboxes/admission.ts";
import { deleteDiskNow } from "../../storage/delete.ts";
import { findApp } from "../context.ts";
import { PRODUCTION, previewOf } from "../running/app-doors.ts";
import { SYSTEM } from "../running/app-server.ts";
import { Deployment, type DeploymentContext, policyOf, snapshotOf } from "./deployment.ts";
import { findRevision } from "./revisions.ts";
import { sourcePath } from "./source.ts";
import { Stages } from "./stages.ts";

/** The file that a deployment runs unless it says otherwise. */
const ENTRYPOINT = "main.ts";

/** Failed and deleted revisions of an app that can still be looked at, with what they said. */
const REMEMBERED = 30;

/** Deployments in progress: those of one app one after another. Removes what revisions leave that nobody needs. */
export class Deployments {
  readonly #context: DeploymentContext;
  /** Id of this control plane. */
  readonly #owner: string;
  readonly #admission: Admission;
  readonly #byApp = new KeyedQueue();
  readonly #running = new Map<string, { deployment: Deployment; over: Promise<void> }>();
  #sweeping: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(context: DeploymentContext, owner: string) {
    this.#context = context;
    this.#owner = owner;
    this.#admission = new Admission(context.limits.deploymentsPerOrganisation, "deployments in progress", "APP_LIMIT");
  }

  /** The one of a revision, while it is in progress. */
  of(revision: string): Deployment | undefined {
    return this.#running.get(revision)?.deployment;
  }

  /** Starts to deploy a directory of a sandbox. Returns the revision's id at once. @throws {ApiError} */
  async start(sandboxId: string, request: DeployRequest, principal: Principal): Promise<string> {
    if (this.#closing) throw new ApiError("SHUTTING_DOWN");
    const { store, sandboxes } = this.#context;
    checkMode(request);
    const sandbox = sandboxes.get(sandboxId, principal);
    const app = await findApp(this.#context, request.app, principal);
    const id = newRevisionId();
    const targets = [
      ...((request.production ?? true) ? [{ slug: PRODUCTION, context: "production" }] : []),
      ...(request.preview ? [{ slug: previewOf(id), context: "preview" }] : []),
    ];
    const stages = new Stages(targets.map(({ slug }) => slug));
    const record: RevisionRecord = {
      id,
      organisation: app.organisation,
      app: app.id,
      owner: this.#owner,
      status: "queued",
      failureReason: null,
      retention: "auto",
      spec: {
        labels: {},
        layers: app.layers,
        envVars: [],
        config: app.config,
        path: sourcePath(request.path),
        entrypoint: request.entrypoint ?? ENTRYPOINT,
        args: request.args ?? [],
        memoryMiB: sandbox.record.memoryMiB,
        policy: policyOf(sandbox.egress.spec),
        targets,
      },
      disk: null,
      progress: stages.progress,
      createdAt: Date.now(),
      cancellationRequestedAt: null,
      buildFinishedAt: null,
      deletedAt: null,
    };
    const leave = this.#admission.enter(app.organisation);
    try {
      await store.revisions.insert(record);
    } catch (cause) {
      leave();
      throw cause instanceof NothingChanged ? new ApiError("APP_NOT_FOUND", undefined, { cause }) : cause;
    }
    const { organisation, actor } = principal;
    const deployment = new Deployment(this.#context, {
      record,
      stages,
      owner: { organisation, actor },
      app,
      source: () => sandboxes.get(sandboxId, principal),
    });
    const over = deployment.over.then(() => {
      this.#running.delete(id);
      leave();
      void this.sweep(app.id);
    });
    this.#running.set(id, { deployment, over });
    void this.#byApp.run(app.id, () => deployment.run());
    if (this.#closing) deployment.cancel(new ApiError("SHUTTING_DOWN"));
    return id;
  }

  /** Requests the end of a deployment. @throws {ApiError} `REVISION_NOT_FOUND` */
  async cancel(id: string, owner: Owner): Promise<RevisionRecord> {
    const { store } = this.#context;
    await findRevision(this.#context, id, owner);
    // What has ended already stays as it is.
    if (await store.revisions.requestCancellation(id, Date.now())) this.of(id)?.cancel();
    return await findRevision(this.#context, id, owner);
  }

  /** Ends those of an app. */
  async cancelAll(app: string): Promise<void> {
    const concerned = [...this.#running.values()].filter(({ deployment }) => deployment.app === app);
    for (const { deployment } of concerned) deployment.cancel();
    await Promise.all(concerned.map(({ over }) => over));
  }

  /** After a start: nothing works on what an earlier process of this control plane had begun. */
  async recover(): Promise<void> {
    const { store, storage } = this.#context;
    for (const revision of await store.revisions.unfinished(this.#owner)) {
      const { id, organisation } = revision;
      const snapshot = await storage.disks.find(organisation, "snapshot", snapshotOf(id));
      if (snapshot && revision.disk === null)
        await store.revisions.setProgress({ ...revision, disk: snapshot.id, buildLog: [] });
      const timestamp = new Date().toISOString();
      const message = "The server was restarted during the deployment. Deploy again.";
      const buildLog = [
        ...(await store.revisions.buildLog(id)),
        { timestamp, level: "error" as const, message, step: "deploying" as const },
      ];
      const reason = revision.cancellationRequestedAt === null ? "error" : "cancelled";
      await store.revisions.fail({ id, progress: interrupted(revision.progress), buildLog }, reason, Date.now());
    }
    void this.sweep(null);
  }

  /** Removes old revisions of an app, and the disks of revisions that have failed or are deleted. Never rejects. */
  sweep(app: string | null): Promise<void> {
    return (this.#sweeping = this.#sweeping
      .then(() => this.#sweep(app))
      .catch((err: unknown) => this.#context.log.error({ err }, "could not remove old revisions")));
  }

  async #sweep(app: string | null): Promise<void> {
    const { store, storage, doors, limits, log } = this.#context;
    if (app !== null) {
      const old = await store.revisions.deleteSuperfluous(app, limits.revisionsPerApp, Date.now());
      if (old > 0) await doors.refresh(app);
    }
    for (const { id, organisation, disk } of await store.revisions.withUselessDisk()) {
      await doors.stop({ revision: id });
      try {
        await deleteDiskNow(storage, "snapshot", disk, { organisation, actor: SYSTEM });
      } catch (err) {
        // Somebody's sandbox may use it: later, then.
        if (!(err instanceof ApiError && err.code === "SNAPSHOT_NOT_FOUND")) {
          log.warn({ err, disk, revision: id }, "the disk of an old revision could not be removed yet");
          continue;
        }
      }
      await store.revisions.dropDisk(id);
    }
    await store.revisions.forget(app, REMEMBERED);
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const { deployment } of this.#running.values()) deployment.cancel(new ApiError("SHUTTING_DOWN"));
    await Promise.all([...this.#running.values()].map(({ over }) => over));
    await this.#sweeping;
  }
}

/** @throws {ApiError} `NOT_SUPPORTED` */
function checkMode({ mode, installCommand, buildCommand, buildDirectory, frameworkPreset }: DeployRequest): void {
  if ((mode ?? "none") === "none" && !installCommand && !buildCommand && !buildDirectory && !frameworkPreset) return;
  throw new ApiError(
    "NOT_SUPPORTED",
    "Builds arrive in a later version: build in the sandbox, and deploy the result with the mode none.",
  );
}

/** Stages that were running when the server ended. */
function interrupted<One>(progress: One): One {
  const text = JSON.stringify(progress, (_key, value: unknown) =>
    isStage(value) && (value.status === "running" || value.status === "pending")
      ? {
          ...value,
          ...(value.status === "running"
            ? { status: "errored", end: new Date().toISOString() }
            : { status: "skipped" }),
        }
      : value,
  );
  return JSON.parse(text) as One;
}

function isStage(value: unknown): value is { status: string } {
  return typeof value === "object" && value !== null && "status" in value;
}
