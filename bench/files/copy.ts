import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchContext, timed } from "../context.ts";
import type { Figures } from "../figures.ts";
import { percentile, rounded } from "../statistics.ts";

/** About what a medium-sized project has with its packages. */
const DIRECTORIES = 100;
const FILES_EACH = 50;
const SMALL_BYTES = 2_000;
/** Four files of random bytes, which cannot be compressed. */
const LARGE_FILES = 4;
const LARGE_BYTES = 50_000_000;

/** Copies a directory of 5,000 small files to a sandbox and back; medians, in seconds. */
export async function measureCopyFiles(context: BenchContext): Promise<Partial<Figures>> {
  const { up, down } = await copying(context, async (directory) => {
    for (let at = 0; at < DIRECTORIES; at++) {
      await mkdir(join(directory, `${at}`));
      await Promise.all(
        Array.from({ length: FILES_EACH }, (_, index) =>
          writeFile(join(directory, `${at}/${index}.txt`), randomBytes(SMALL_BYTES)),
        ),
      );
    }
  });
  return { copy_5000_files_up_s: rounded(up / 1_000), copy_5000_files_down_s: rounded(down / 1_000) };
}

/** Copies a directory of 200 MB to a sandbox and back; medians, in megabytes per second. */
export async function measureCopyBytes(context: BenchContext): Promise<Partial<Figures>> {
  const { up, down } = await copying(context, async (directory) => {
    for (let at = 0; at < LARGE_FILES; at++) await writeFile(join(directory, `${at}.bin`), randomBytes(LARGE_BYTES));
  });
  const rate = (ms: number) => rounded((LARGE_FILES * LARGE_BYTES) / 1e6 / (ms / 1_000));
  return { copy_200MB_up_MBps: rate(up), copy_200MB_down_MBps: rate(down) };
}

/** @returns the median of each direction, in milliseconds */
async function copying(
  context: BenchContext,
  fill: (directory: string) => Promise<void>,
): Promise<{ up: number; down: number }> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-bench-"));
  try {
    const [local, back] = [join(dir, "tree"), join(dir, "back")];
    await mkdir(local);
    await fill(local);
    await using sandbox = await context.create();
    const up: number[] = [];
    const down: number[] = [];
    for (let i = 0; i < context.times(3); i++) {
      context.progress.fraction(i / context.times(3));
      up.push(await timed(() => sandbox.fs.upload(local, "/home/app")));
      down.push(await timed(() => sandbox.fs.download("/home/app/tree", back)));
      await compare(local, join(back, "tree"));
      await Promise.all([rm(back, { recursive: true }), sandbox.fs.remove("/home/app/tree", { recursive: true })]);
    }
    return { up: percentile(up, 0.5), down: percentile(down, 0.5) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function compare(one: string, other: string): Promise<void> {
  const entries = await readdir(one, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((found) => found.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if (!(await readFile(path)).equals(await readFile(other + path.slice(one.length))))
      throw new Error(`${path} came back changed`);
  }
}
