import type { SandboxVolume } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep volumes attach volume id path` */
export async function run(invocation: Invocation<{ readOnly?: boolean }>): Promise<void> {
  const {
    args: [volume, given, path],
    options: { readOnly = false },
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  const api = new Api(await requireTarget(invocation));
  const body = { volume, path, read_only: readOnly };
  const attached = await api.json<SandboxVolume>("POST", `/api/v1/sandboxes/${id}/volumes`, body);
  terminal.result(attached, () => `${attached.volume.slug} is at ${printable(attached.path)}`);
}
