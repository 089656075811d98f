import type { ServerInfo, Volume } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { ensureTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  /** Bytes. */
  capacity?: number;
  from?: string;
  region?: string;
}

/** `sandkeep volumes create slug --capacity size` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [slug],
    options: { capacity, from, region },
    terminal,
  } = invocation;
  if (capacity === undefined) throw new UsageError("no capacity is given", "add --capacity, such as --capacity 2GiB");
  const api = new Api(await ensureTarget(invocation));
  const volume = await api.json<Volume>("POST", "/api/v2/volumes", {
    slug,
    capacity,
    region: region ?? (await api.json<ServerInfo>("GET", "/api/v1/info")).region,
    ...(from !== undefined && { from }),
  });
  terminal.result(volume, () => volume.id);
}
