import type { EgressView } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { showEgress } from "../../output/egress.ts";
import type { Invocation } from "../../tree/spec.ts";
import { egressPath } from "./change.ts";

/** `sandkeep egress show [id]` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [given],
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  const view = await new Api(await requireTarget(invocation)).json<EgressView>("GET", egressPath(id));
  terminal.result(view, (colour) => showEgress(view, colour));
}
