import type { App, EnvVarUpdate } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { collectPair } from "../../values/pair.ts";
import { appPath } from "./app-path.ts";
import type { AppSecret } from "./app-secret.ts";

interface Options {
  secret?: Record<string, AppSecret>;
  unset?: string[];
  context?: string[];
}

/** `sandkeep apps set app KEY=value…` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [name, pairs],
    options: { secret = {}, unset = [], context },
    terminal,
    env,
  } = invocation;
  const where = context && { contexts: context };
  const plain = (pairs as string[]).reduce((all, pair) => collectPair(pair, all), {} as Record<string, string>);
  const env_vars: EnvVarUpdate[] = [
    ...unset.map((key) => ({ key, delete: true })),
    ...Object.entries(plain).map(([key, value]) => ({ key, value, ...where })),
    ...Object.entries(secret).map(([key, { variable, hosts }]) => {
      const value = env[variable];
      if (!value) throw new UsageError(`there is no ${variable}, which the secret ${key} needs`, `set ${variable}`);
      return { key, value, secret: true, ...(hosts.length > 0 && { hosts }), ...where };
    }),
  ];
  if (env_vars.length === 0)
    throw new UsageError("nothing to set", "write it like KEY=value, or give --secret or --unset");
  const app = await new Api(await requireTarget(invocation)).json<App>("PATCH", appPath(name), { env_vars });
  terminal.result(app, () => app.env_vars.map(({ key }) => key).join("\n"));
}
