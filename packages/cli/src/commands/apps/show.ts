import type { App, EnvVar, Production } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import type { Colours } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";
import { appPath } from "./app-path.ts";

/** `sandkeep apps show app` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [name],
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const app = await api.json<App>("GET", appPath(name));
  const production = await api.json<Production>("GET", appPath(app.id, "/production", "v1"));
  terminal.result({ ...app, production }, (colour) => describe(app, production, colour));
}

function describe({ id, slug, env_vars, layers }: App, production: Production, { bold, dim }: Colours): string {
  const rows: [string, string][] = [
    ["app", bold(slug)],
    ["id", id],
    ["address", production.url],
    ["production", production.revision ?? dim("nothing was deployed yet")],
    ...(production.previous === null ? [] : [["before that", production.previous] as [string, string]]),
    ...(layers.length === 0 ? [] : [["layers", layers.map((layer) => layer.slug).join(", ")] as [string, string]]),
    ...env_vars.map((one): [string, string] => ["variable", variable(one, dim)]),
  ];
  const width = Math.max(...rows.map(([title]) => title.length));
  return rows.map(([title, text]) => `${title.padEnd(width)}  ${text}`).join("\n");
}

function variable({ key, value, contexts, hosts }: EnvVar, dim: (text: string) => string): string {
  const shown = value === undefined ? dim(hosts ? `secret for ${hosts.join(", ")}` : "secret") : JSON.stringify(value);
  return `${key}=${shown}${contexts === "all" ? "" : ` in ${contexts.join(", ")}`}`;
}
