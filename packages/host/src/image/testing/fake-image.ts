/** FOR TESTS ONLY: images whose files hold a few bytes each. */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ORDER_FILE } from "../build/initramfs.ts";
import { lockImages, newBuildDir, publish } from "../cache/cache.ts";
import { IMAGE_FILES, type Image, type Manifest, MODULES_DIR } from "../image.ts";

/** Content of every file of a fake image. */
const CONTENT = "bytes";

/** A manifest that describes what {@link fillBuildDir} writes. */
export function fakeManifest(id: string, overrides: Partial<Manifest> = {}): Manifest {
  const files = Object.fromEntries(
    Object.values(IMAGE_FILES).map((file) => [file, { bytes: CONTENT.length, sha256: id }]),
  );
  return {
    format: 1,
    id,
    recipe: "fake",
    created: "2026-01-01T00:00:00.000Z",
    inputs: { root: "r", agent: "a" },
    kernelRelease: "6.12",
    packages: [],
    diskBytes: 1,
    files,
    ...overrides,
  };
}

/** Writes an image's files. */
export async function fillBuildDir(dir: string): Promise<void> {
  for (const file of Object.values(IMAGE_FILES)) await writeFile(join(dir, file), CONTENT);
  await mkdir(join(dir, MODULES_DIR));
  await writeFile(join(dir, MODULES_DIR, "virtio_blk.ko"), CONTENT);
  await writeFile(join(dir, MODULES_DIR, ORDER_FILE), "virtio_blk.ko\n");
}

/** Publishes a fake image. `extra`: further files. */
export async function putImage(
  dataDir: string,
  id: string,
  { extra = {}, ...overrides }: Partial<Manifest> & { extra?: Record<string, Buffer> } = {},
): Promise<Image> {
  await using _ = await lockImages(dataDir);
  const dir = await newBuildDir(dataDir);
  await fillBuildDir(dir);
  for (const [name, content] of Object.entries(extra)) await writeFile(join(dir, name), content);
  return publish(dataDir, dir, fakeManifest(id, overrides));
}

/** A directory with a tool that runs a bash script, to be first in PATH. */
export async function fakeTool(parent: string, name: string, script: string): Promise<string> {
  const dir = await mkdtemp(join(parent, "bin-"));
  await writeFile(join(dir, name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  return dir;
}
