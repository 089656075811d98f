/** A template's folder: its name says what it was made from, and a marker that it is whole. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errnoOf } from "@sandkeep/common";
import type { TemplateKey } from "./template.ts";

const run = promisify(execFile);

/** The file that is in a template's folder when it is whole; its time says when it was last taken into use. */
const MARKER = "template";
/** Changes when the way a template is made changes. */
const RECIPE_VERSION = 2;

/** @param fingerprint the engine's: templates of another engine or version do not fit */
export function folderName({ root, size }: TemplateKey, fingerprint: string): string {
  const inputs = JSON.stringify([RECIPE_VERSION, fingerprint, root.id, root.boot, size]);
  return `${size.memoryMiB}-${createHash("sha256").update(inputs).digest("hex").slice(0, 16)}`;
}

/** The memory size in a folder's name; 0 when it is no template's. */
export function memoryMiBOf(name: string): number {
  return Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
}

/** Moves a captured template to where it stays, all at once. One that is there already is as good. */
export async function publish(dir: string, target: string): Promise<void> {
  await writeFile(join(dir, MARKER), "");
  try {
    await moveUnlessThere(dir, target);
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    // From another file system: copied under another name first, so that it appears whole there too.
    const copy = `${target}.${process.pid}`;
    try {
      await run("cp", ["--recursive", "--preserve=all", "--sparse=always", dir, copy]);
      await moveUnlessThere(copy, target);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }
}

async function moveUnlessThere(dir: string, target: string): Promise<void> {
  await rename(dir, target).catch((error: unknown) => {
    const code = errnoOf(error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  });
}

/** When a template was last taken into use, in milliseconds since 1970; null when it is not whole. */
export async function lastUse(dir: string): Promise<number | null> {
  return (await stat(join(dir, MARKER)).catch(() => null))?.mtimeMs ?? null;
}

/** Notes that a template is taken into use. @throws when there is no whole one */
export async function noteUse(dir: string): Promise<void> {
  const now = new Date();
  await utimes(join(dir, MARKER), now, now);
}
