import { Api } from "../../client/api.ts";
import { diskPath } from "../../client/disks.ts";
import { forEach } from "../../client/for-each.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep snapshots delete snapshots…`: tries all of them, and fails if any could not be deleted. */
export async function run(invocation: Invocation<{ now?: boolean }>): Promise<number> {
  const {
    args: [names],
    options: { now = false },
    terminal,
  } = invocation;
  const api = new Api(await ensureTarget(invocation));
  const { done, exitCode } = await forEach(names as string[], terminal, (name) =>
    api.json("DELETE", now ? diskPath("snapshots", name) : `/api/v2/snapshots/${encodeURIComponent(name)}`),
  );
  terminal.result({ deleted: done }, () => done.join("\n"));
  return exitCode;
}
