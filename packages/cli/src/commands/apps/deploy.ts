import { stat } from "node:fs/promises";
import type { App, Production } from "@sandkeep/protocol";
import type { Sandbox } from "sandkeep";
import { Api } from "../../client/api.ts";
import type { MachineOptions } from "../../client/machine-options.ts";
import { connectSandbox, createSandbox } from "../../client/sandbox.ts";
import { ensureTarget } from "../../client/target.ts";
import { CliError, ExitCode, UsageError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { appPath } from "./app-path.ts";

/** Where the files are in the sandbox that is made for a deployment. */
const PATH = "/app";

interface Options extends Pick<MachineOptions, "memory" | "allowNet" | "net" | "root"> {
  app?: string;
  entrypoint?: string;
  preview?: boolean;
  sandbox?: string;
}

/** `sandkeep deploy [dir] --app app` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [dir = "."],
    options,
    terminal,
    env,
  } = invocation;
  const { app, entrypoint, preview = false, sandbox: id } = options;
  if (app === undefined) throw new UsageError("no app is named", "say which one with --app");
  if (id === undefined) await requireDirectory(String(dir));
  const target = await ensureTarget(invocation);
  const api = new Api(target);
  if (await ensureApp(api, app)) terminal.note(`created the app ${app}`);
  const sandbox = id === undefined ? await createSandbox(target, options, env) : await connectSandbox(target, id);
  try {
    if (id === undefined) {
      const { copying } = await import("../../copy/failures.ts");
      await copying(() => sandbox.fs.upload(String(dir), PATH, { contents: true }));
    }
    const path = id === undefined ? PATH : String(dir);
    const revision = await deploy(sandbox, app, { path, preview, entrypoint }, (line) => terminal.note(line));
    const production = await api.json<Production>("GET", appPath(app, "/production", "v1"));
    const { host } = new URL(production.url);
    const url = preview ? `https://rev-${revision}${host.slice(host.indexOf("."))}` : production.url;
    terminal.result({ app, revision, url }, () => url);
  } finally {
    await sandbox.close();
  }
}

async function requireDirectory(dir: string): Promise<void> {
  const isDirectory = await stat(dir).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (isDirectory) return;
  throw new CliError("NO_SUCH_FILE", `${dir} is not a directory`, {
    hint: "name the directory to deploy",
    exitCode: ExitCode.notFound,
  });
}

/** Returns whether it did not exist before. */
async function ensureApp(api: Api, app: string): Promise<boolean> {
  try {
    await api.json<App>("GET", appPath(app));
    return false;
  } catch (error) {
    if (!(error instanceof CliError && error.code === "APP_NOT_FOUND")) throw error;
  }
  await api.json<App>("POST", "/api/v2/apps", { slug: app });
  return true;
}

/** Returns the revision's id. @throws {CliError} if it fails */
async function deploy(
  sandbox: Sandbox,
  app: string,
  { path, preview, entrypoint }: { path: string; preview: boolean; entrypoint: string | undefined },
  say: (line: string) => void,
): Promise<string> {
  const build = await sandbox.deploy(app, {
    path,
    production: !preview,
    preview,
    build: { mode: "none", ...(entrypoint !== undefined && { entrypoint }) },
  });
  for await (const { message } of build.logs()) say(message);
  const { status, failure_reason } = await build.done;
  if (status === "succeeded") return build.id;
  throw new CliError("DEPLOYMENT_FAILED", `the revision ${build.id} was not deployed: ${failure_reason}`, {
    hint: "what is live has not changed; the lines above say what went wrong",
  });
}
