import type { SnapshotDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { diskPath, showSnapshot } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";

/** `sandkeep snapshots show snapshot` */
export async function run(invocation: Invocation): Promise<void> {
  const {
    args: [name],
    terminal,
  } = invocation;
  const api = new Api(await ensureTarget(invocation));
  const snapshot = await api.json<SnapshotDetail>("GET", diskPath("snapshots", String(name)));
  terminal.result(snapshot, (colour) => showSnapshot(snapshot, colour));
}
