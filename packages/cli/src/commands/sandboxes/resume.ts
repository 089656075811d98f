import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { forEach } from "../../client/for-each.ts";
import { DEFAULT_LIFETIME_MS } from "../../client/lifetime.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { ensureTarget } from "../../client/target.ts";
import { withProgress } from "../../output/with-progress.ts";
import type { Invocation } from "../../tree/spec.ts";
import { toApiTimeout } from "../../values/duration.ts";

/** `sandkeep resume [ids…]`: tries all of them, and fails if any could not be resumed. */
export async function run(invocation: Invocation<{ timeout?: number }>): Promise<number> {
  const { args, options, terminal, env } = invocation;
  const named = args[0] as string[];
  const ids = (named.length > 0 ? named : [undefined]).map((id) => sandboxId(id, env));
  // They are on disk: the server that paused them may have ended.
  const api = new Api(await ensureTarget(invocation));
  const resume = async (id: string) => {
    const path = `/api/v1/sandboxes/${id}/resume`;
    const body = options.timeout === undefined ? {} : { timeout: toApiTimeout(options.timeout) };
    const { stopAt } = await api.json<SandboxDetail>("POST", path, body);
    // Nobody is connected, so a session would end.
    if (stopAt === null)
      await api.json("PATCH", `/api/v3/sandbox/${id}`, { stop_at_ms: Date.now() + DEFAULT_LIFETIME_MS });
  };
  const { done, exitCode } = await forEach(ids, terminal, (id) =>
    withProgress(terminal, `resuming ${id}`, () => resume(id)),
  );
  terminal.result({ resumed: done }, () => done.join("\n"));
  return exitCode;
}
