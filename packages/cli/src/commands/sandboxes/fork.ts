import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { timeoutOfFork } from "../../client/lifetime.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { withProgress } from "../../output/with-progress.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  count?: number;
  /** Milliseconds. */
  timeout?: number;
  label?: Record<string, string>;
}

/** `sandkeep fork [id]` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [given],
    options: { count = 1, timeout, label },
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  const api = new Api(await requireTarget(invocation));
  const children = await withProgress(
    terminal,
    count === 1 ? `forking ${id}` : `forking ${id} ${count} times`,
    async () =>
      api.json<SandboxDetail[]>("POST", `/api/v1/sandboxes/${id}/fork`, {
        count,
        ...(await timeoutOfFork(api, id, timeout)),
        ...(label && { labels: label }),
      }),
  );
  terminal.result(children, () => children.map((child) => child.id).join("\n"));
}
