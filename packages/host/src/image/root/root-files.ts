import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { finished } from "node:stream/promises";
import { errnoOf } from "@sandkeep/common";
import type { Recipe } from "../build/recipe.ts";
import { imagesDir, share } from "../cache/cache.ts";
import { IMAGE_FILES, type Image, type ImageProgress, type Manifest, MODULES_DIR, PACKED_KERNEL } from "../image.ts";
import { digestOfFile } from "../tools/digest.ts";
import { unpackKernel } from "./kernel.ts";
import { buildRoot } from "./root.ts";

/** Files of a new root whose content becomes part of the manifest. */
const PACKAGES_FILE = "packages.tsv";
const RELEASE_FILE = "kernel-release";
/** Beside the images: the full output of the last build's tools. */
const LOG_FILE = "build.log";

/** The manifest's entries about root and kernel. */
export type RootFacts = Pick<Manifest, "kernelRelease" | "packages" | "files">;

/** Builds root disk, kernel and modules into a directory. */
export async function makeRoot(
  recipe: Recipe,
  dir: string,
  work: string,
  options: {
    dataDir: string;
    lock: number;
    progress?: ((event: ImageProgress) => void) | undefined;
    signal?: AbortSignal;
  },
): Promise<RootFacts> {
  const log = createWriteStream(join(imagesDir(options.dataDir), LOG_FILE));
  const written = finished(log);
  // Whoever waits for it is told.
  written.catch(() => {});
  const { progress, signal, lock } = options;
  try {
    await buildRoot(recipe, { into: dir, work, lock, progress, signal, log: (line) => log.write(`${line}\n`) });
  } finally {
    log.end();
    await written;
  }
  progress?.({ step: "disk", fraction: 0.9, message: "Checking the disk" });
  const packages = (await readFile(join(dir, PACKAGES_FILE), "utf8"))
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t") as [string, string, string])
    .map(([name, version, architecture]) => ({ name, version, architecture }));
  const kernelRelease = (await readFile(join(dir, RELEASE_FILE), "utf8")).trim();
  await Promise.all([PACKAGES_FILE, RELEASE_FILE].map((file) => rm(join(dir, file))));
  const { rootDisk } = IMAGE_FILES;
  return {
    kernelRelease,
    packages: [...packages, ...recipe.npm.map(({ name, version }) => ({ name, version, architecture: "npm" }))],
    files: {
      [rootDisk]: await describeFile(join(dir, rootDisk), signal),
      ...(await unpacked(dir, signal)),
    },
  };
}

/** Puts root disk, kernel and modules of another image into a directory, without using more space. */
export async function takeRoot(dataDir: string, from: Image, dir: string): Promise<RootFacts> {
  const { rootDisk } = IMAGE_FILES;
  const { kernelRelease, packages, files } = from.manifest;
  const source = join(imagesDir(dataDir), from.id);
  await share(from.rootDisk, join(dir, rootDisk));
  await share(from.kernel, join(dir, basename(from.kernel)));
  await mkdir(join(dir, MODULES_DIR));
  for (const module of await readdir(join(source, MODULES_DIR))) {
    await share(join(source, MODULES_DIR, module), join(dir, MODULES_DIR, module));
  }
  return { kernelRelease, packages, files: { [rootDisk]: files[rootDisk]!, ...(await unpacked(dir)) } };
}

/** Unpacks the kernel in a directory, if it is packed. Returns its entry in the manifest. */
async function unpacked(dir: string, signal?: AbortSignal): Promise<Manifest["files"]> {
  const { kernel } = IMAGE_FILES;
  const packed = await readFile(join(dir, PACKED_KERNEL)).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  });
  const unpacked = packed && (await unpackKernel(packed));
  if (packed && !unpacked) return { [PACKED_KERNEL]: await describeFile(join(dir, PACKED_KERNEL), signal) };
  if (unpacked) {
    await writeFile(join(dir, kernel), unpacked);
    await rm(join(dir, PACKED_KERNEL));
  }
  return { [kernel]: await describeFile(join(dir, kernel), signal) };
}

/** A file's entry in the manifest. */
export async function describeFile(path: string, signal?: AbortSignal): Promise<Manifest["files"][string]> {
  return { bytes: (await stat(path)).size, sha256: await digestOfFile(path, signal) };
}
