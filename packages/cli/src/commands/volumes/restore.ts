import type { VolumeDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep volumes restore volume` */
export async function run(invocation: Invocation<{ slug?: string }>): Promise<void> {
  const {
    args: [name],
    options: { slug },
    terminal,
  } = invocation;
  const api = new Api(await ensureTarget(invocation));
  const path = `${diskPath("volumes", String(name))}/restore`;
  const restored = await api.json<VolumeDetail>("POST", path, slug === undefined ? {} : { slug });
  terminal.result(restored, () => `${restored.slug} is back`);
}
