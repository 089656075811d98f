import { constants, copyFile, link, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { errnoOf, type FileLock, lockFile, syncPath } from "@sandkeep/common";
import { z } from "zod";
import { IMAGE_FILES, type Image, kernelFile, MANIFEST_FILE, type Manifest, manifestSchema } from "../image.ts";
import { runCommand } from "../tools/command.ts";

/** Prefix of unfinished build directories. None is in use while nobody holds the lock. */
const BUILDING = ".building-";
/**
 * File with the path of a build's scratch directory, for later clean-up, and of the build's own directory, so that
 * clean-up ignores copies.
 */
const SCRATCH_FILE = "scratch.json";
const scratchSchema = z.object({ scratch: z.string(), of: z.string() });

/** Directory of all images in a data directory. */
export function imagesDir(dataDir: string): string {
  return resolve(dataDir, "images");
}

/**
 * Takes the lock that builders and pruners share, and removes what an interrupted build left. Dispose of it to release
 * the lock.
 */
export async function lockImages(
  dataDir: string,
  options: { signal?: AbortSignal | undefined; onWait?: () => void } = {},
): Promise<FileLock> {
  await mkdir(imagesDir(dataDir), { recursive: true });
  const lock = await lockFile(join(imagesDir(dataDir), ".lock"), options);
  for (const name of await readdir(imagesDir(dataDir))) {
    if (name.startsWith(BUILDING)) await discard(join(imagesDir(dataDir), name));
  }
  return lock;
}

/** Creates an empty build directory beside the images; `scratch` is recorded and removed with it. */
export async function newBuildDir(dataDir: string, scratch?: string): Promise<string> {
  const dir = join(imagesDir(dataDir), `${BUILDING}${process.pid}`);
  await mkdir(dir);
  if (scratch) await writeFile(join(dir, SCRATCH_FILE), JSON.stringify({ scratch, of: dir }));
  return dir;
}

/** Removes a build's directory and its scratch directory. */
export async function discard(dir: string): Promise<void> {
  const text = await readFile(join(dir, SCRATCH_FILE), "utf8").catch(() => "");
  const note = parse(text, scratchSchema);
  if (note?.of === dir) await removeScratch(note.scratch);
  await rm(dir, { recursive: true, force: true });
}

/**
 * Files of a root that was installed without root privileges belong to subordinate users, and only a user namespace can
 * remove them.
 */
async function removeScratch(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch (error) {
    if (process.getuid?.() === 0) throw error;
    const children = (await readdir(dir)).map((name) => join(dir, name));
    await runCommand("mmdebstrap", [
      "--unshare-helper",
      "find",
      ...children,
      "-xdev",
      "-mindepth",
      "1",
      "-delete",
    ]).catch(() => {});
    await rm(dir, { recursive: true, force: true });
  }
}

/** Atomically turns a finished build directory into the image that its manifest names. */
export async function publish(dataDir: string, dir: string, manifest: Manifest): Promise<Image> {
  await rm(join(dir, SCRATCH_FILE), { force: true });
  await writeFile(join(dir, MANIFEST_FILE), JSON.stringify(manifest, undefined, 2));
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    await syncPath(join(entry.parentPath, entry.name));
  }
  await syncPath(dir);
  const target = join(imagesDir(dataDir), manifest.id);
  try {
    await rename(dir, target);
  } catch (error) {
    // The same bytes already exist; keep those, because they may be in use.
    if (!["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error;
    await discard(dir);
  }
  await syncPath(imagesDir(dataDir));
  return (await readImage(dataDir, manifest.id))!;
}

/** Puts a file into another directory, without using more space if the file system supports that. */
export async function share(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
}

/** Reads one image; `undefined` if there is none of that name, or if it is incomplete. */
export async function readImage(dataDir: string, id: string): Promise<Image | undefined> {
  const dir = join(imagesDir(dataDir), id);
  const text = await readFile(join(dir, MANIFEST_FILE), "utf8").catch(() => "");
  const manifest = parse(text, manifestSchema);
  if (!manifest) return undefined;
  const present = await Promise.all(
    filesOf(manifest).map((file) =>
      lstat(join(dir, file)).then(
        ({ size }) => size === manifest.files[file]?.bytes,
        () => false,
      ),
    ),
  );
  if (!present.every(Boolean)) return undefined;
  const { rootDisk, initramfs, agent } = IMAGE_FILES;
  return {
    id,
    manifest,
    rootDisk: join(dir, rootDisk),
    kernel: join(dir, kernelFile(manifest)),
    initramfs: join(dir, initramfs),
    agent: join(dir, agent),
    diskBytes: manifest.diskBytes,
  };
}

function filesOf(manifest: Manifest): string[] {
  return Object.values({ ...IMAGE_FILES, kernel: kernelFile(manifest) });
}

function parse<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** All complete images, newest first. */
export async function readImages(dataDir: string): Promise<Image[]> {
  const names = await readdir(imagesDir(dataDir)).catch(() => []);
  const images = await Promise.all(
    names.filter((name) => !name.startsWith(".")).map((name) => readImage(dataDir, name)),
  );
  return images
    .filter((image) => image !== undefined)
    .sort((a, b) => b.manifest.created.localeCompare(a.manifest.created) || a.id.localeCompare(b.id));
}
