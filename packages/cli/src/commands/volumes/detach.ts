import type { VolumeDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath } from "../../client/disks.ts";
import { requireTarget } from "../../client/target.ts";
import { CliError, ExitCode } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep volumes detach volume` */
export async function run(invocation: Invocation<{ force?: boolean }>): Promise<void> {
  const {
    args: [volume],
    options: { force = false },
    terminal,
  } = invocation;
  const api = new Api(await requireTarget(invocation));
  const { id, slug, attachment } = await api.json<VolumeDetail>("GET", diskPath("volumes", String(volume)));
  if (!attachment)
    throw new CliError("VOLUME_NOT_ATTACHED", `no sandbox has the volume ${slug}`, { exitCode: ExitCode.conflict });
  await api.json("DELETE", `/api/v1/sandboxes/${attachment.sandbox}/volumes/${id}${force ? "?force=true" : ""}`);
  terminal.result({ detached: id, sandbox: attachment.sandbox }, () => `${slug} is free`);
}
