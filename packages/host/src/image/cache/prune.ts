import { lstat, readdir, readlink, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { IMAGE_FILES, type Image } from "../image.ts";
import { imagesDir, lockImages, readImages } from "./cache.ts";

/** An image, as a list shows it. */
export interface ImageSummary {
  image: Image;
  /** Space on disk, in bytes; files that several images share count for each of them. */
  diskBytes: number;
  /** Whether a process that we may inspect has one of its files open, as a running machine does. */
  inUse: boolean;
}

/** The result of {@link pruneImages}. */
export interface PruneResult {
  removed: Image[];
  /** Should have been removed, but is in use. */
  busy: Image[];
  /** Space that was freed, in bytes. */
  freedBytes: number;
}

/** Lists all complete images, newest first. */
export async function listImages({ dataDir }: { dataDir: string }): Promise<ImageSummary[]> {
  const images = await readImages(dataDir);
  const open = await openFiles();
  return Promise.all(
    images.map(async (image) => {
      const dir = join(imagesDir(dataDir), image.id);
      const files = await filesOf(dir);
      return {
        image,
        diskBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        inUse: isOpen(await realpath(dir), open),
      };
    }),
  );
}

/** Removes all images except those with the given ids and those in use. Waits for running builds. */
export async function pruneImages(options: {
  dataDir: string;
  keep: string[];
  signal?: AbortSignal;
}): Promise<PruneResult> {
  const { dataDir, keep } = options;
  using _ = await lockImages(dataDir, { signal: options.signal });
  const unwanted = (await listImages({ dataDir })).filter(({ image }) => !keep.includes(image.id));
  const busy = unwanted.filter(({ inUse }) => inUse).map(({ image }) => image);
  const removed = unwanted.filter(({ inUse }) => !inUse).map(({ image }) => image);
  const files = (await Promise.all(removed.map(({ id }) => filesOf(join(imagesDir(dataDir), id))))).flat();
  for (const { id } of removed) {
    // It disappears for all readers at once; if we do not finish the removal, the lock's next holder does.
    const dir = join(imagesDir(dataDir), `.building-removed-${id}`);
    await rename(join(imagesDir(dataDir), id), dir);
    await rm(dir, { recursive: true });
  }
  return { removed, busy, freedBytes: freed(files) };
}

interface FileFacts {
  inode: number;
  links: number;
  bytes: number;
}

async function filesOf(dir: string): Promise<FileFacts[]> {
  const entries = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Promise.all(
    entries.map(async (entry) => {
      const { ino, nlink, blocks } = await lstat(join(entry.parentPath, entry.name));
      return { inode: ino, links: nlink, bytes: blocks * 512 };
    }),
  );
}

/** A file's space is freed when its last link is removed. */
function freed(files: FileFacts[]): number {
  const byInode = Map.groupBy(files, ({ inode }) => inode);
  return [...byInode.values()]
    .filter((links) => links.length === links[0]!.links)
    .reduce((sum, [file]) => sum + file!.bytes, 0);
}

/** Paths of all files that are open in processes we may inspect. */
async function openFiles(): Promise<Set<string>> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const paths = await Promise.all(
    pids.map(async (pid) => {
      const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
      return Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
    }),
  );
  return new Set(paths.flat().filter((path) => path.startsWith("/")));
}

function isOpen(dir: string, open: Set<string>): boolean {
  return Object.values(IMAGE_FILES).some((file) => open.has(join(dir, file)));
}
