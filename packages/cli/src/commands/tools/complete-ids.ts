import type { SandboxDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { presentSandboxes } from "../../client/present-sandboxes.ts";
import { findTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep complete-ids`: for shell completion, so it does not report errors. */
export async function run(invocation: Invocation): Promise<void> {
  const target = await findTarget(invocation).catch(() => undefined);
  const list = async (status: string) => {
    const path = `/api/v1/sandboxes?status=${status}&limit=100`;
    return target ? await new Api(target).json<SandboxDetail[]>("GET", path).catch(() => []) : [];
  };
  const sandboxes = await presentSandboxes(list);
  invocation.terminal.streams.stdout.write(sandboxes.map(({ id }) => `${id}\n`).join(""));
}
