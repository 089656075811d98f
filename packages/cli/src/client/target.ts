import { CliError, ExitCode } from "../errors.ts";
import { dataDirOf } from "../paths.ts";
import { readState } from "../server/state.ts";
import type { CommonOptions, Invocation } from "../tree/spec.ts";

/** A server to talk to. */
export interface Target {
  sandboxEndpoint: string;
  apiEndpoint: string;
  token: string;
  /** PEM file of the CA to trust. */
  caFile: string | null;
}

/** The server that the options or the environment name, with the same variables as for the SDKs. */
export function namedTarget(options: CommonOptions, env: NodeJS.ProcessEnv): Target | undefined {
  const sandboxEndpoint = options.endpoint || env.SANDKEEP_SANDBOX_ENDPOINT || env.DENO_SANDBOX_ENDPOINT;
  if (!sandboxEndpoint) return undefined;
  const token = options.token || env.SANDKEEP_TOKEN || env.DENO_DEPLOY_TOKEN;
  if (!token) {
    throw new CliError("NOT_AUTHENTICATED", `no token for ${sandboxEndpoint}`, {
      hint: "set DENO_DEPLOY_TOKEN or give --token; `sandkeep token create`, run on the server, creates one",
      exitCode: ExitCode.denied,
    });
  }
  const trimmed = (url: string) => url.replace(/\/+$/, "");
  const apiEndpoint = options.endpoint || env.SANDKEEP_API_ENDPOINT || env.DENO_DEPLOY_ENDPOINT || sandboxEndpoint;
  return {
    sandboxEndpoint: trimmed(sandboxEndpoint),
    apiEndpoint: trimmed(apiEndpoint),
    token,
    caFile: env.SANDKEEP_CA_FILE || null,
  };
}

/** The server that the options or the environment name, otherwise the one running on this computer, if any. */
export async function findTarget({ options, env }: Pick<Invocation, "options" | "env">): Promise<Target | undefined> {
  const target = namedTarget(options, env) ?? local(options, env);
  if (target?.caFile) await trust(target.caFile);
  return target;
}

/** Like {@link findTarget}, but fails when there is no server. */
export async function requireTarget(invocation: Pick<Invocation, "options" | "env">): Promise<Target> {
  const target = await findTarget(invocation);
  if (target) return target;
  throw new CliError("NO_SERVER", "no server is running on this machine, and no other is named", {
    hint: "start one with `sandkeep serve` or by creating a sandbox, or name one with --endpoint or DENO_SANDBOX_ENDPOINT",
    exitCode: ExitCode.unreachable,
  });
}

/** Like {@link findTarget}, but starts a server on this computer when there is none. */
export async function ensureTarget({
  options,
  env,
  terminal,
}: Pick<Invocation, "options" | "env" | "terminal">): Promise<Target> {
  const found = await findTarget({ options, env });
  if (found) return found;
  const { startLocalServer } = await import("../server/start-local.ts");
  await startLocalServer(dataDirOf(options, env), env, terminal);
  return await requireTarget({ options, env });
}

function local(options: CommonOptions, env: NodeJS.ProcessEnv): Target | undefined {
  const state = readState(dataDirOf(options, env));
  return state && { ...state, token: options.token ?? state.token };
}

/** Adds a trusted CA for all connections that this process opens from now on. */
async function trust(caFile: string): Promise<void> {
  const [{ readFileSync }, tls] = await Promise.all([import("node:fs"), import("node:tls")]);
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), readFileSync(caFile, "utf8")]);
}
