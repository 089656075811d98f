import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { findTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep complete-ids`: for shell completion, so it does not report errors. */
export async function run(invocation: Invocation): Promise<void> {
  const target = await findTarget(invocation).catch(() => undefined);
  const sandboxes: SandboxDetail[] = [];
  for (const status of target ? ["running", "paused"] : []) {
    const path = `/api/v1/sandboxes?status=${status}&limit=100`;
    sandboxes.push(...(await new Api(target!).json<SandboxDetail[]>("GET", path).catch(() => [])));
  }
  invocation.terminal.streams.stdout.write(sandboxes.map(({ id }) => `${id}\n`).join(""));
}
