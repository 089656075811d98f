import { RevisionsResource } from "../apps/resources/revisions.ts";
import type { Revision } from "../apps/revisions.ts";
import { DeployError } from "../errors/api.ts";
import type { Rest } from "../rest/rest.ts";
import { path } from "../rest/rest.ts";
import type { Build, DeployOptions } from "./deploy-options.ts";

/** Starts to deploy a directory in a sandbox to an app. Rejects with `DeployError`. */
export async function deploy(rest: Rest, sandboxId: string, app: string, options: DeployOptions = {}): Promise<Build> {
  const { production, preview, path: directory = "/home/app", build = {} } = options;
  const { entrypoint = "main.ts", args, mode = "none", ...local } = build;
  const body = { app, entrypoint, args, production, preview, path: directory, mode, frameworkPreset: "", ...local };
  const { revision_id: id } = await rest
    .json<{ revision_id: string }>("POST", path`/api/v2/sandboxes/${sandboxId}/deploy`, { body })
    .catch((cause) => {
      throw new DeployError(`The deployment could not be started: ${messageOf(cause)}`, { cause });
    });
  let done: Promise<Revision> | undefined;
  return {
    id,
    // Requested only when somebody waits for it.
    get done() {
      return (done ??= finished(rest, id));
    },
    logs: () => new RevisionsResource(rest).buildLogs(id),
  };
}

async function finished(rest: Rest, id: string): Promise<Revision> {
  try {
    const progress = await rest.request("GET", path`/api/v2/revisions/${id}/progress`);
    // The stream ends with the build.
    await progress.body?.pipeTo(new WritableStream());
    const revision = await rest.json<Revision>("GET", path`/api/v2/revisions/${id}`);
    const timelines = await rest.json<unknown[]>("GET", path`/api/v2/revisions/${id}/timelines`);
    return Object.assign(revision, { timelines });
  } catch (cause) {
    throw new DeployError(`The outcome of the deployment could not be read: ${messageOf(cause)}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
