import { isSandboxId, type Snapshot } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep snapshots create source slug`, also as `sandkeep volumes snapshot` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [given, slug],
    terminal,
  } = invocation;
  const source = String(given);
  const api = new Api(await ensureTarget(invocation));
  const path = isSandboxId(source)
    ? `/api/v1/sandboxes/${source}/snapshot`
    : `/api/v2/volumes/${encodeURIComponent(source)}/snapshot`;
  const snapshot = await api.json<Snapshot>("POST", path, { slug });
  terminal.result(snapshot, () => snapshot.id);
}
