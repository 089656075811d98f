import type { Production, Revision } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { day } from "../../client/disks.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { appPath } from "../apps/app-path.ts";

/** `sandkeep revisions list app` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [app],
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const production = await api.json<Production>("GET", appPath(app, "/production", "v1"));
  terminal.list(
    await Array.fromAsync(api.all<Revision>(`${appPath(app, "/revisions")}?limit=1000`)),
    [
      { title: "REVISION", cell: ({ id }, { bold }) => bold(id) },
      { title: "STATUS", cell: ({ status, failure_reason }) => failure_reason ?? status },
      { title: "CREATED", cell: ({ created_at }) => day(created_at) },
      { title: "", cell: ({ id }) => (id === production.revision ? "production" : "") },
    ],
    "no revisions",
  );
}
