import { dataDirOf, imagesOf } from "../../paths.ts";
import type { Invocation } from "../../tree/spec.ts";
import { formatBytes } from "../../values/bytes.ts";

/** `sandkeep image prune`: keeps the current image and those in use. */
export async function run({ options, terminal, env }: Invocation<{ dryRun?: boolean }>): Promise<void> {
  const { findImage, listImages, pruneImages } = await import("@sandkeep/host");
  const dataDir = imagesOf(dataDirOf(options, env), env);
  const current = await findImage({ dataDir });
  const keep = current ? [current.id] : [];
  if (options.dryRun) {
    const unwanted = (await listImages({ dataDir })).filter(({ image, inUse }) => !keep.includes(image.id) && !inUse);
    const ids = unwanted.map(({ image }) => image.id);
    return terminal.result({ wouldRemove: ids }, () =>
      ids.length ? ids.map((id) => `would remove ${id}`).join("\n") : "nothing to remove",
    );
  }
  const { removed, busy, freedBytes } = await pruneImages({ dataDir, keep });
  terminal.result({ removed: removed.map(({ id }) => id), busy: busy.map(({ id }) => id), freedBytes }, () =>
    [
      ...removed.map(({ id }) => `removed ${id}`),
      ...busy.map(({ id }) => `kept ${id}: in use`),
      `${formatBytes(freedBytes)} free again`,
    ].join("\n"),
  );
}
