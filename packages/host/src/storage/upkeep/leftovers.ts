/** What a process that was killed left unfinished, removed at the next start. */
import type { Logger } from "@sandkeep/common";
import type { Catalogue } from "../catalogue.ts";
import type { Layers } from "../layers.ts";
import { frozenLayers } from "../record.ts";

/** Removes layers that no disk has, and finishes freezing those that were frozen last. */
export async function removeLeftovers(catalogue: Catalogue, layers: Layers, log: Logger): Promise<void> {
  for (const [disk, why] of catalogue.unreadable)
    log.error(
      { disk, why },
      "the record of a disk cannot be read: restore it from a backup. Unused files stay until then",
    );
  for (const id of catalogue.ids) {
    const record = catalogue.get(id);
    const missing: string[] = [];
    for (const name of record.layers) if (!(await layers.exists(name))) missing.push(name);
    if (missing.length > 0)
      log.error({ disk: id, missing }, "files of a disk are missing: restore them from a backup, or remove the disk");
    const frozen = frozenLayers(record);
    // A snapshot was interrupted, and the machine may have written the layer before the last: it is repaired as that one.
    const unrepaired = record.unclean ? record.layers.at(-2) : undefined;
    for (const name of record.layers.filter((name) => !missing.includes(name))) {
      const isFrozen = frozen.includes(name) && !(name === unrepaired && catalogue.usesOf(name) === 1);
      if (isFrozen) await layers.freeze([name]);
      else if (name === record.layers.at(-1) || (await layers.mayChange(name))) await layers.reclaim(name);
    }
  }
  if (catalogue.unreadable.size > 0) return;
  const unused = await layers.orphans();
  await layers.removeFiles(unused);
  if (unused.length > 0) log.info({ files: unused }, "removed files of unfinished operations on disks");
}
