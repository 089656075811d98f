import type { VolumeDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes, parseBytes } from "../../values/bytes.ts";

/** `sandkeep volumes grow volume capacity` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [volume, size],
    terminal,
  } = invocation;
  const capacity = parseBytes(String(size));
  const api = new Api(await ensureTarget(invocation));
  const grown = await api.json<VolumeDetail>("PATCH", diskPath("volumes", String(volume)), { capacity });
  terminal.result(grown, () => `${grown.slug} has ${formatBytes(grown.capacity)}`);
}
