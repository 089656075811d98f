import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ImageError } from "../image.ts";
import { digestOf, digestOfTree } from "../tools/digest.ts";

/** The recipe of `builtin:debian-13`. */
export const DEFAULT_RECIPE_DIR = fileURLToPath(new URL("../../../../../images/debian-13", import.meta.url));

/** Part of every root's key: raise it when the builder makes something different from the same recipe. */
const BUILDER_VERSION = "2";

const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/);

const recipeSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/),
  /** Debian release. */
  suite: word,
  /** Installed by mmdebstrap before `packages`; see its manual. */
  variant: z.enum(["minbase", "apt"]),
  packages: z.array(word),
  /** Packages from the npm registry, which `customize.sh` unpacks from the file `<as>.tgz`. */
  npm: z.array(
    z.strictObject({ as: word, name: z.string(), version: z.string(), integrity: z.string().startsWith("sha512-") }),
  ),
  disk: z.strictObject({
    sizeMiB: z.int().positive(),
    journalMiB: z.int().positive(),
    label: word,
    uuid: z.uuid(),
    /** Seed of directory hashes; fixed so that the same files make the same disk. */
    hashSeed: z.uuid(),
  }),
  kernel: z.strictObject({
    /** A package that depends on the newest `linux-image-…`. */
    package: word,
    /** Loaded by the agent, with their dependencies, before the root is mounted. */
    initramfsModules: z.array(word),
  }),
});

/**
 * A recipe, from `recipe.json`. Beside it are `customize.sh`, which runs on the installed root, and `overlay/`, with
 * files for the root.
 */
export type Recipe = z.infer<typeof recipeSchema> & {
  dir: string;
  /** Digest of all its files and of the builder's version: the key of the root. */
  digest: string;
};

/** A package from the npm registry. */
export type NpmArtefact = Recipe["npm"][number];

/** Reads the recipe in a directory. Throws {@link ImageError} if it is not a recipe. */
export async function readRecipe(dir: string): Promise<Recipe> {
  const text = await readFile(join(dir, "recipe.json"), "utf8").catch((cause: unknown) => {
    throw new ImageError(`no image recipe in ${dir}`, { cause });
  });
  const parsed = recipeSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new ImageError(`${join(dir, "recipe.json")}: ${z.prettifyError(parsed.error)}`);
  return { ...parsed.data, dir, digest: digestOf(BUILDER_VERSION, await digestOfTree(dir)) };
}
