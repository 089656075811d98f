import type { App } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { day } from "../../client/disks.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep apps list` */
export async function run(invocation: Invocation): Promise<void> {
  const api = new Api(await requireTarget(invocation));
  invocation.terminal.list(
    await Array.fromAsync(api.all<App>("/api/v2/apps?limit=1000")),
    [
      { title: "APP", cell: (app, colour) => colour.bold(app.slug) },
      { title: "ID", cell: (app) => app.id },
      { title: "VARIABLES", align: "right", cell: (app) => String(app.env_vars.length) },
      { title: "CHANGED", cell: (app) => day(app.updated_at) },
    ],
    "no apps",
  );
}
