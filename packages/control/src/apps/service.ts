import type { HttpDoors } from "@sandkeep/doors";
import type { Owner } from "../auth/authenticator.ts";
import type { Sandboxes } from "../sandboxes/sandboxes.ts";
import type { StorageContext } from "../storage/context.ts";
import { type AppsContext, findApp, publish } from "./context.ts";
import type { DeploymentContext } from "./deploying/deployment.ts";
import { Deployments } from "./deploying/deployments.ts";
import { AppDoors } from "./running/app-doors.ts";
import { AppLog } from "./running/app-log.ts";

export interface AppServiceOptions extends AppsContext {
  sandboxes: Sandboxes;
  storage: StorageContext;
  /** Id of this control plane. */
  owner: string;
  /** Addresses that are no app's. */
  others: HttpDoors;
}

/** Apps: what runs of them, and what changes what runs. */
export class AppService implements AsyncDisposable {
  readonly context: DeploymentContext;
  readonly deployments: Deployments;

  constructor({ owner, others, ...options }: AppServiceOptions) {
    const appLog = new AppLog(options.store.logs, options.limits.logLines, options.log);
    const instances = { ...options, appLog };
    this.context = { ...instances, doors: new AppDoors(instances, others) };
    this.deployments = new Deployments(this.context, owner);
  }

  /** All addresses, of sandboxes and of apps. */
  get doors(): AppDoors {
    return this.context.doors;
  }

  /** Before the first visitor comes. */
  async start(): Promise<void> {
    await this.deployments.recover();
    await this.doors.load();
  }

  /** Deletes an app with all its revisions. @throws {ApiError} `APP_NOT_FOUND` */
  async remove(idOrSlug: string, owner: Owner): Promise<void> {
    const { id, slug } = await findApp(this.context, idOrSlug, owner);
    await this.context.store.remove(id, Date.now());
    // Its name is free from now on, and whoever gets it must not get its visitors: a snapshot that is being taken can wait.
    const cancelled = this.deployments.cancelAll(id);
    await this.doors.stop({ app: id });
    await cancelled;
    // What a deployment, or a change of its addresses, had begun before.
    await this.doors.refresh(id);
    await this.doors.stop({ app: id });
    publish(this.context, owner, { kind: "app.deleted", outcome: "ok", data: { app: id, slug } });
    await this.deployments.sweep(null);
  }

  /** Ends deployments and instances. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.deployments.close();
    await this.doors.close();
    await this.context.appLog[Symbol.asyncDispose]();
  }
}
