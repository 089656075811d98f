import type { VolumeDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath, showVolume } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep volumes show volume` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [name],
    terminal,
  } = invocation;
  const api = new Api(await ensureTarget(invocation));
  const volume = await api.json<VolumeDetail>("GET", diskPath("volumes", String(name)));
  terminal.result(volume, (colour) => showVolume(volume, colour));
}
