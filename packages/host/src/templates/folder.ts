/** A template's folder: its name says what the template was made from, and a marker says that it is complete. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errnoOf } from "@sandkeep/common";
import type { TemplateKey } from "./template.ts";

const run = promisify(execFile);

/** File that marks a template's folder as complete; its time is that of the last use. */
const MARKER = "template";
/** Changes when the way templates are made changes. */
const RECIPE_VERSION = 2;

/** @param fingerprint the engine's: templates of another engine or version do not match */
export function folderName({ root, size }: TemplateKey, fingerprint: string): string {
  const inputs = JSON.stringify([RECIPE_VERSION, fingerprint, root.id, root.boot, size]);
  return `${size.memoryMiB}-${createHash("sha256").update(inputs).digest("hex").slice(0, 16)}`;
}

/** The memory size in a folder's name; 0 if it is not a template's. */
export function memoryMiBOf(name: string): number {
  return Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
}

/** Moves a captured template to its final place, atomically. If one is already there, that one is kept. */
export async function publish(dir: string, target: string): Promise<void> {
  await writeFile(join(dir, MARKER), "");
  try {
    await moveUnlessThere(dir, target);
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    // From another file system: copy it under another name first, so that it appears atomically there too.
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

/** When a template was last used, in milliseconds since 1970; null if it is incomplete. */
export async function lastUse(dir: string): Promise<number | null> {
  return (await stat(join(dir, MARKER)).catch(() => null))?.mtimeMs ?? null;
}

/** Records that a template is used. @throws if there is no complete one */
export async function noteUse(dir: string): Promise<void> {
  const now = new Date();
  await utimes(join(dir, MARKER), now, now);
}
