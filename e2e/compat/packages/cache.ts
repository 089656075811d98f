import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { imagesDir } from "../../harness/server.ts";

/** A folder that is created once and kept beside the images, so that later runs need no network. */
export async function cached(kind: string, inputs: unknown, make: (dir: string) => Promise<void>): Promise<string> {
  const parent = join(imagesDir(), "e2e");
  const key = createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 16);
  const dir = join(parent, `${kind}-${key}`);
  if (existsSync(dir)) return dir;
  await mkdir(parent, { recursive: true });
  // Created elsewhere and moved once it is complete.
  const scratch = await mkdtemp(join(parent, ".new-"));
  try {
    await make(scratch);
    await rename(scratch, dir).catch((error: NodeJS.ErrnoException) => {
      // Another run was faster.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return dir;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
