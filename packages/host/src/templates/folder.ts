/** A template's folder: its name says what the template was made from, and a marker says that it is complete. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { errnoOf, syncPath } from "@sandkeep/common";
import type { Root } from "../roots.ts";
import type { TemplateKey } from "./template.ts";

const run = promisify(execFile);

/** File that marks a template's folder as complete; its time is that of the last use. */
const MARKER = "template";
/** Bytes of a block in `stat`. */
const STAT_BLOCK_BYTES = 512;
/** Changes when the way templates are made changes. */
const RECIPE_VERSION = 3;

/** @param fingerprint the engine's: templates of another engine or version do not match */
export function folderName({ root, size }: TemplateKey, fingerprint: string): string {
  const inputs = JSON.stringify([RECIPE_VERSION, fingerprint, root.id, root.boot, root.disk, size]);
  return `${size.memoryMiB}-${createHash("sha256").update(inputs).digest("hex").slice(0, 16)}`;
}

/** The memory size in a folder's name; 0 if it is not a template's. */
export function memoryMiBOf(name: string): number {
  return Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
}

/** What is known of a template from its folder. */
export interface TemplateFacts {
  /** Id and kind of its root. */
  root: string;
  kind: Root["kind"];
}

/**
 * Moves a captured template to its final place, atomically and durably: paused machines have its files too. If one is
 * already there, that one is kept.
 */
export async function publish(dir: string, target: string, { id: root, kind }: Root): Promise<void> {
  await writeFile(join(dir, MARKER), JSON.stringify({ root, kind } satisfies TemplateFacts));
  await syncFolder(dir);
  try {
    await moveUnlessThere(dir, target);
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    // From another file system: copy it under another name first, so that it appears atomically there too.
    const copy = `${target}.${process.pid}`;
    try {
      await run("cp", ["--recursive", "--preserve=all", "--sparse=always", dir, copy]);
      await syncFolder(copy);
      await moveUnlessThere(copy, target);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }
}

/** Syncs a folder and the files in it. */
async function syncFolder(dir: string): Promise<void> {
  const files = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isFile());
  for (const { name } of files) await syncPath(join(dir, name));
  await syncPath(dir);
}

async function moveUnlessThere(dir: string, target: string): Promise<void> {
  await rename(dir, target).catch((error: unknown) => {
    const code = errnoOf(error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  });
  await syncPath(dirname(target));
}

/** When a template was last used, in milliseconds since 1970; null if it is incomplete. */
export async function lastUse(dir: string): Promise<number | null> {
  return (await stat(join(dir, MARKER)).catch(() => null))?.mtimeMs ?? null;
}

/** What is known of a template; null if it is incomplete. */
export async function factsOf(dir: string): Promise<TemplateFacts | null> {
  try {
    return JSON.parse(await readFile(join(dir, MARKER), "utf8"));
  } catch {
    return null;
  }
}

/** What a template takes on disk, in bytes. Other hosts may be removing it. */
export async function bytesOf(dir: string): Promise<number> {
  const names = await readdir(dir).catch(() => []);
  const files = await Promise.all(names.map((name) => stat(join(dir, name)).catch(() => null)));
  return files.reduce((sum, file) => sum + (file?.blocks ?? 0) * STAT_BLOCK_BYTES, 0);
}

/** Removes a template. If that is interrupted, what is left is incomplete. */
export async function removeTemplate(dir: string): Promise<void> {
  await rm(join(dir, MARKER), { force: true });
  await rm(dir, { recursive: true, force: true });
}

/** Records that a template is used. @throws if there is no complete one */
export async function noteUse(dir: string): Promise<void> {
  const now = new Date();
  await utimes(join(dir, MARKER), now, now);
}
