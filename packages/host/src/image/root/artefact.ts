import { createHash } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { NpmArtefact } from "../build/recipe.ts";
import { ImageError } from "../image.ts";
import { runCommand } from "../tools/command.ts";

const packSchema = z.array(z.object({ filename: z.string() })).length(1);

/**
 * Downloads a package from the npm registry to `<dir>/<as>.tgz` with the host's npm, and so with its settings for
 * registries, proxies and certificates. Throws {@link ImageError} if it is not the one that the recipe names.
 */
export async function downloadArtefact(artefact: NpmArtefact, dir: string, signal?: AbortSignal): Promise<void> {
  const { as, name, version, integrity } = artefact;
  const own = join(dir, `download-${as}`);
  await mkdir(own);
  const output = await runCommand(
    "npm",
    ["pack", `${name}@${version}`, "--json", "--ignore-scripts", "--pack-destination", own],
    {
      cwd: dir,
      signal,
    },
  );
  const [packed] = packSchema.parse(JSON.parse(output));
  // Some versions of npm report a scoped package's file under a different name.
  const file = join(own, basename(packed!.filename.replace(/^@/, "").replaceAll("/", "-")));
  const actual = `sha512-${createHash("sha512")
    .update(await readFile(file))
    .digest("base64")}`;
  if (actual !== integrity) {
    throw new ImageError(`${name}@${version} is not what the recipe pins: expected ${integrity}, downloaded ${actual}`);
  }
  await rename(file, join(dir, `${as}.tgz`));
}
