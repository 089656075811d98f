import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep token revoke id` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [id],
    terminal,
  } = invocation;
  await new Api(await ensureTarget(invocation)).json("DELETE", `/api/v1/tokens/${encodeURIComponent(String(id))}`);
  terminal.result({ revoked: id }, () => `${id} is revoked`);
}
