import type { VolumeDetail } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { day, diskPath, useOf } from "../../client/disks.ts";
import { ensureTarget } from "../../client/target.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes } from "../../values/bytes.ts";

/** `sandkeep volumes list [search]` */
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
    await Array.fromAsync(api.all<VolumeDetail>(`${diskPath("volumes")}?${query}`)),
    [
      { title: "ID", cell: (v) => v.id },
      { title: "SLUG", cell: (v, c) => c.bold(v.slug) },
      { title: "CAPACITY", align: "right", cell: (v) => formatBytes(v.capacity) },
      { title: "ON DISK", align: "right", cell: (v) => formatBytes(v.estimated_allocated_size) },
      { title: "BOOTABLE", cell: (v) => (v.is_bootable ? "yes" : "no") },
      { title: "CREATED", cell: (v) => day(v.createdAt) },
      { title: "IN USE", cell: useOf },
    ],
    options.deleted ? "no deleted volumes" : "no volumes",
  );
}
