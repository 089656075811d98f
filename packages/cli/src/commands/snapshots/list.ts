import type { SnapshotDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { day, diskPath } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes } from "../../values/bytes.ts";

/** `sandkeep snapshots list [search]` */
export async function run(invocation: Invocation<{ deleted?: boolean }>): Promise<void> {
  const {
    args: [search],
    options,
    terminal,
  } = invocation;
  const query = new URLSearchParams({ limit: "1000", ...(options.deleted && { state: "deleted" }) });
  if (search) query.set("search", String(search));
  const api = new Api(await ensureTarget(invocation));
  terminal.list(
    await Array.fromAsync(api.all<SnapshotDetail>(`${diskPath("snapshots")}?${query}`)),
    [
      { title: "ID", cell: (s) => s.id },
      { title: "SLUG", cell: (s, c) => c.bold(s.slug) },
      { title: "CAPACITY", align: "right", cell: (s) => formatBytes(s.capacity) },
      { title: "ON DISK", align: "right", cell: (s) => formatBytes(s.allocated_size) },
      { title: "BOOTABLE", cell: (s) => (s.is_bootable ? "yes" : "no") },
      { title: "TAKEN", cell: (s) => day(s.createdAt) },
      { title: "FROM", cell: (s) => s.volume.slug },
    ],
    options.deleted ? "no deleted snapshots" : "no snapshots",
  );
}
