/**
 * The layers of a machine's own disk, on top of what it was made from: files in its folder. A fork freezes what is there
 * and shares it with the children as further names of the same files, so a file is gone when the last machine is.
 */
import { chmod, chown, copyFile, link, rm } from "node:fs/promises";
import { join } from "node:path";
import { settled } from "@sandkeep/common";
import { createLayer } from "../../../storage/qcow2.ts";
import type { ForkedFrom } from "../../engine.ts";

/** Of a layer that is never written again. */
const FROZEN = 0o444;

/** All layers of a machine's disk, from the bottom up. @param own names of its own */
export function allLayers(dir: string, { template, root }: ForkedFrom, own: readonly string[]): string[] {
  const base = template.disk ? [...root.layers, template.disk.layer] : root.layers;
  return [...base, ...own.map((name) => join(dir, name))];
}

/** Makes an empty layer. */
export async function makeLayer(path: string, { template, root }: ForkedFrom): Promise<void> {
  if (!template.disk) return await createLayer(path, root.capacityBytes);
  await rm(path, { force: true });
  await copyFile(template.disk.empty, path);
}

/** Gives a machine's own layers to another machine's folder. */
export async function shareLayers(from: string, to: string, own: readonly string[]): Promise<void> {
  await settled(
    own.map(async (name) => {
      await rm(join(to, name), { force: true });
      await link(join(from, name), join(to, name));
    }),
  );
}

/** Nothing writes the layer any more. */
export async function freezeLayer(path: string): Promise<void> {
  await chmod(path, FROZEN);
}

/** The layer of a machine that has ended: it is the server's, and nothing writes it any more. */
export async function retireLayer(path: string): Promise<void> {
  await chown(path, process.getuid!(), process.getgid!());
  await freezeLayer(path);
}
