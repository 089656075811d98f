import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { findTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep complete-ids`: for shell completion, so it does not report errors. */
export async function run(invocation: Invocation): Promise<void> {
  const target = await findTarget(invocation).catch(() => undefined);
  const sandboxes = target
    ? await new Api(target).json<SandboxDetail[]>("GET", "/api/v1/sandboxes?status=running&limit=100").catch(() => [])
    : [];
  invocation.terminal.streams.stdout.write(sandboxes.map(({ id }) => `${id}\n`).join(""));
}
