import { Api } from "../../client/api.ts";
import { forEach } from "../../client/for-each.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep revisions delete revisions…`: tries all of them, and fails if any could not be deleted. */
export async function run(invocation: Invocation): Promise<number> {
  const {
    args: [ids],
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const { done, exitCode } = await forEach(ids as string[], terminal, (id) =>
    api.json("DELETE", `/api/v2/revisions/${encodeURIComponent(id)}`),
  );
  terminal.result({ deleted: done }, () => done.join("\n"));
  return exitCode;
}
