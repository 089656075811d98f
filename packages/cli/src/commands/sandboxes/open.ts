import type { TerminalLink } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { dataDirOf } from "../../paths.ts";
import { openInBrowser } from "../../process/browser.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  browser: boolean;
}

/** `sandkeep open [id]` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const { args, options, terminal, env } = invocation;
  const id = sandboxId(args[0], env);
  const api = new Api(await requireTarget(invocation));
  const link = await api.json<TerminalLink>("POST", `/api/v1/sandboxes/${id}/terminal`);
  terminal.result({ id, ...link }, () => link.url);
  if (!options.browser || terminal.json) return;
  const error = await openInBrowser(link.url, dataDirOf(options, env), env);
  if (error !== null) terminal.note(`No browser was opened: ${error} Open the link within a minute.`);
}
