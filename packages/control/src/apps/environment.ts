import { ApiError, ENV_BYTES, type SandboxConfig, SECRETS } from "@sandkeep/protocol";
import type { AppRecord, EnvVarRecord, RevisionSpec } from "@sandkeep/store";
import type { AppsContext } from "./context.ts";
import { allLayers } from "./layers.ts";

export type AppEnvironment = Pick<SandboxConfig, "env" | "secrets">;

/**
 * The environment of an instance: the revision's own variables come before the app's, and these before those of its layers. Secrets
 * with hosts are placeholders there.
 *
 * @throws {ApiError} `INVALID_CONFIG` if it is too large, `INTERNAL` if a secret cannot be opened
 */
export async function appEnvironment(
  context: Pick<AppsContext, "store" | "sealer" | "sealedIsLost">,
  app: AppRecord,
  revision: Pick<RevisionSpec, "envVars">,
  where: string,
): Promise<AppEnvironment> {
  const env: AppEnvironment["env"] = Object.fromEntries(revision.envVars.map(({ key, value }) => [key, value]));
  const secrets: AppEnvironment["secrets"] = {};
  const layers = await allLayers(context, app.organisation, app.layers);
  for (const one of [app, ...layers].flatMap(({ envVars }) => envVars)) {
    const { key, contexts, hosts } = one;
    if (Object.hasOwn(env, key) || Object.hasOwn(secrets, key)) continue;
    if (contexts !== "all" && !contexts.includes(where)) continue;
    const value = opened(context, one);
    if (hosts) secrets[key] = { hosts, value, in: [] };
    else env[key] = value;
  }
  const bytes = Object.entries(env).reduce((sum, entry) => sum + Buffer.byteLength(entry.join("=")), 0);
  if (bytes > ENV_BYTES)
    throw new ApiError(
      "INVALID_CONFIG",
      `The app's environment has ${bytes} bytes; at most ${ENV_BYTES} are possible.`,
    );
  const count = Object.keys(secrets).length;
  if (count > SECRETS.max)
    throw new ApiError(
      "INVALID_CONFIG",
      `The app has ${count} secrets with hosts; at most ${SECRETS.max} are possible.`,
    );
  return { env, secrets };
}

function opened(
  { sealer, sealedIsLost }: Pick<AppsContext, "sealer" | "sealedIsLost">,
  { id, key, value, secret }: EnvVarRecord,
): string {
  if (!secret) return value;
  try {
    return sealer.open(value, id);
  } catch (cause) {
    const why = sealedIsLost ?? "it was sealed with another key.";
    throw new ApiError("INTERNAL", `The secret ${key} cannot be opened: ${why}`, { cause });
  }
}
