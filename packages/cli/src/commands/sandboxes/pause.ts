import { Api } from "../../client/api.ts";
import { forEach } from "../../client/for-each.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { withProgress } from "../../output/with-progress.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep pause [ids…]`: tries all of them, and fails if any could not be paused. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, terminal, env } = invocation;
  const named = args[0] as string[];
  const ids = (named.length > 0 ? named : [undefined]).map((id) => sandboxId(id, env));
  const api = new Api(await requireTarget(invocation));
  const { done, exitCode } = await forEach(ids, terminal, (id) =>
    withProgress(terminal, `pausing ${id}`, () => api.json("POST", `/api/v1/sandboxes/${id}/pause`)),
  );
  terminal.result({ paused: done }, () => done.join("\n"));
  return exitCode;
}
