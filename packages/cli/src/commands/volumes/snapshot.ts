import type { Snapshot } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep volumes snapshot volume slug` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [volume, slug],
    terminal,
  } = invocation;
  const api = new Api(await ensureTarget(invocation));
  const path = `/api/v2/volumes/${encodeURIComponent(String(volume))}/snapshot`;
  const snapshot = await api.json<Snapshot>("POST", path, { slug });
  terminal.result(snapshot, () => snapshot.id);
}
