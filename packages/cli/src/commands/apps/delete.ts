import { Api } from "../../client/api.ts";
import { forEach } from "../../client/for-each.ts";
import { requireTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { appPath } from "./app-path.ts";

/** `sandkeep apps delete apps…`: tries all of them, and fails if any could not be deleted. */
export async function run(invocation: Invocation): Promise<number> {
  const {
    args: [names],
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const { done, exitCode } = await forEach(names as string[], terminal, (name) => api.json("DELETE", appPath(name)));
  terminal.result({ deleted: done }, () => done.join("\n"));
  return exitCode;
}
