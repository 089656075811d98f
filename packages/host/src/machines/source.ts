/** What a machine was made from: its children, and the process that resumes it, are made from the same. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { link, mkdir, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { promisify } from "node:util";
import { errnoOf, syncPath } from "@sandkeep/common";
import { z } from "zod";
import type { Engine, ForkedFrom } from "../engine/engine.ts";

/** In a machine's folder: further names of the files it was made from. */
const FOLDER = "source";

/** {@link ForkedFrom} */
export const sourceSchema = z.object({
  template: z.object({
    memory: z.string(),
    state: z.string(),
    disk: z.object({ layer: z.string(), empty: z.string() }).nullable(),
  }),
  root: z.object({ layers: z.array(z.string()).readonly(), capacityBytes: z.number() }),
  engine: z.string(),
});

/** Bytes of a block in `stat`. */
const STAT_BLOCK_BYTES = 512;
/** Enough to tell engines apart. */
const ENGINE_DIGITS = 16;

/** What {@link ForkedFrom} says about the engine. */
export function engineId({ name, fingerprint }: Pick<Engine, "name" | "fingerprint">): string {
  return `${name} ${createHash("sha256").update(fingerprint).digest("hex").slice(0, ENGINE_DIGITS)}`;
}

export const rootRecordSchema = z.object({
  /** The image whose disk is the first layer; null if it is not an image's. */
  image: z.string().nullable(),
  /** Paths, from the bottom up. The last one is the machine's own. */
  layers: z.array(z.string()).min(1),
  capacityBytes: z.number().int().positive(),
});
/** A root that is deleted with its machine. */
export type RootRecord = z.infer<typeof rootRecordSchema>;

const run = promisify(execFile);

/** Keeps what a machine was made from in its folder, so that it is there whatever happens to template and image. */
export async function pinSource(dir: string, source: ForkedFrom): Promise<ForkedFrom> {
  if (isPinned(dir, source)) return source;
  const folder = join(dir, FOLDER);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const { template, root, engine } = source;
  const layers = root.layers.map((_, n) => join(folder, `root-${n}.qcow2`));
  // The engine may keep more files beside those that it names. Those of a machine that was resumed are with its layers.
  const from = dirname(template.memory);
  const names = (await readdir(from)).filter((name) => !layers.includes(join(folder, name)));
  await Promise.all([
    ...names.map((name) => linkOrCopy(join(from, name), join(folder, name))),
    ...layers.map((layer, n) => linkOrCopy(root.layers[n]!, layer)),
  ]);
  await syncPath(folder);
  return mapped({ template, root: { ...root, layers }, engine }, (path) => join(folder, basename(path)));
}

/** What {@link pinSource} would copy, in bytes, because it cannot link it. */
export async function bytesToPin(dir: string, source: ForkedFrom): Promise<number> {
  if (isPinned(dir, source)) return 0;
  const from = dirname(source.template.memory);
  const files = [...(await readdir(from)).map((name) => join(from, name)), ...source.root.layers];
  const [here, ...there] = await Promise.all([dir, ...files].map((path) => stat(path)));
  const user = process.geteuid!();
  const canLink = ({ dev, uid }: Stats) => dev === here!.dev && (user === 0 || uid === user);
  return there.reduce((sum, file) => sum + (canLink(file) ? 0 : file.blocks * STAT_BLOCK_BYTES), 0);
}

/** Whether a machine's source is in its own folder, or that of another machine. */
export function isPinned(dir: string, { template }: ForkedFrom): boolean {
  return template.memory.startsWith(dir + sep);
}

/** The source of a machine whose folder was renamed. */
export function movedSource(source: ForkedFrom, from: string, to: string): ForkedFrom {
  return mapped(source, (path) => (path.startsWith(from + sep) ? to + path.slice(from.length) : path));
}

function mapped(
  { template: { memory, state, disk }, root, engine }: ForkedFrom,
  map: (path: string) => string,
): ForkedFrom {
  return {
    template: {
      memory: map(memory),
      state: map(state),
      disk: disk && { layer: map(disk.layer), empty: map(disk.empty) },
    },
    root: { ...root, layers: root.layers.map(map) },
    engine,
  };
}

/** Names of the layers that a machine has in its own folder, from the bottom up. */
export function ownLayers({ template, root }: ForkedFrom, { layers }: RootRecord): string[] {
  return layers.slice(root.layers.length + (template.disk ? 1 : 0)).map((path) => basename(path));
}

/** The root of a machine that was made from this. @param own names of layers in its folder */
export function rootRecord(
  dir: string,
  { template, root }: ForkedFrom,
  image: string | null,
  own: readonly string[],
): RootRecord {
  const base = template.disk ? [...root.layers, template.disk.layer] : root.layers;
  return { image, capacityBytes: root.capacityBytes, layers: [...base, ...own.map((name) => join(dir, name))] };
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    // Another file system, or a file of another user.
    const code = errnoOf(error);
    if (code !== "EXDEV" && code !== "EPERM" && code !== "EMLINK") throw error;
    await run("cp", ["--sparse=always", "--preserve=mode", from, to]);
    await syncPath(to);
  }
}
