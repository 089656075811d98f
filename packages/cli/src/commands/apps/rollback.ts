import type { Production } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { appPath } from "./app-path.ts";

/** `sandkeep rollback app [revision]` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [app, revision],
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const body = revision === undefined ? {} : { revision };
  const production = await api.json<Production>("POST", appPath(app, "/rollback", "v1"), body);
  terminal.result(production, () => `${production.url} leads to ${production.revision}`);
}
