import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";
import { egressPath } from "./change.ts";

/** `sandkeep egress secret revoke <id> NAME` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [given, name],
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  await new Api(await requireTarget(invocation)).json(
    "DELETE",
    `${egressPath(id)}/secrets/${encodeURIComponent(String(name))}`,
  );
  terminal.result({ revoked: name }, () => printable(String(name)));
}
