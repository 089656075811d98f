import type { App } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep apps create [app]` */
export async function run(invocation: Invocation<{ label?: Record<string, string> }>): Promise<void> {
  const {
    args: [slug],
    options: { label },
    terminal,
  } = invocation;
  const api = new Api(await ensureTarget(invocation));
  const body = { ...(slug !== undefined && { slug }), ...(label && { labels: label }) };
  const app = await api.json<App>("POST", "/api/v2/apps", body);
  terminal.result(app, () => app.slug);
}
