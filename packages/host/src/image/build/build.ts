import { chmod, copyFile, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireImageBuilding } from "../../preconditions/require.ts";
import { discard, lockImages, newBuildDir, publish, readImages } from "../cache/cache.ts";
import {
  IMAGE_FILES,
  type Image,
  ImageError,
  type ImageProgress,
  kernelFile,
  type Manifest,
  MODULES_DIR,
} from "../image.ts";
import { describeFile, makeRoot, takeRoot } from "../root/root-files.ts";
import { digestOf } from "../tools/digest.ts";
import { together } from "../tools/tasks.ts";
import { type Agent, agentFromBinary, agentFromSource } from "./agent.ts";
import { initramfs } from "./initramfs.ts";
import { DEFAULT_RECIPE_DIR, type Recipe, readRecipe } from "./recipe.ts";

/** Space needed to install a root, in bytes: its content, the downloads, and the disk made of it. */
const SCRATCH_BYTES = 4 * 1024 ** 3;
/** Free space needed in the directory of images, in bytes. */
const IMAGE_BYTES = 1.5 * 1024 ** 3;
/** On disk, unlike /tmp on some systems. `TMPDIR` overrides it. */
const SCRATCH_PARENT = "/var/tmp";

/** What to build, and where. */
export interface ImageOptions {
  /** Images are kept in `<dataDir>/images`. */
  dataDir: string;
  progress?: (event: ImageProgress) => void;
  /** Aborting ends all tools and removes what they created; then the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** A directory with `recipe.json`, `customize.sh` and `overlay/`. Default: `images/debian-13`. */
  recipeDir?: string;
  /** A static Linux binary to use as the agent, instead of one built from `guest/`. */
  agentBinary?: string;
}

interface Inputs {
  recipe: Recipe;
  agent: Agent;
}

/** Returns the newest image made from the current recipe and agent, without building; `undefined` if there is none. */
export async function findImage(options: ImageOptions): Promise<Image | undefined> {
  return match(await readImages(options.dataDir), await readInputs(options));
}

/**
 * Returns an image made from the current recipe and agent, and builds what is missing: if only the agent has changed,
 * just the initramfs. Processes that want the same image wait for the one that builds it.
 *
 * @throws ImageError if a tool is missing or fails.
 * @example
 * const image = await ensureImage({ dataDir, progress: ({ fraction, message }) => bar.update(fraction, message) });
 */
export async function ensureImage(options: ImageOptions): Promise<Image> {
  const inputs = await readInputs(options);
  const found = match(await readImages(options.dataDir), inputs);
  if (found) return found;
  return locked(options, async (lock) => {
    const images = await readImages(options.dataDir);
    const built = match(images, inputs);
    if (built) return built;
    const root = images.find((image) => image.manifest.inputs.root === inputs.recipe.digest);
    return build(options, inputs, lock, root);
  });
}

/**
 * Builds an image from Debian's current packages, even if there is one from the same recipe. Throws as {@link
 * ensureImage} does.
 */
export async function buildImage(options: ImageOptions): Promise<Image> {
  const inputs = await readInputs(options);
  return locked(options, (lock) => build(options, inputs, lock));
}

async function readInputs({ recipeDir = DEFAULT_RECIPE_DIR, agentBinary }: ImageOptions): Promise<Inputs> {
  const [recipe, agent] = await Promise.all([
    readRecipe(recipeDir),
    agentBinary ? agentFromBinary(agentBinary) : agentFromSource(),
  ]);
  return { recipe, agent };
}

function match(images: Image[], { recipe, agent }: Inputs): Image | undefined {
  return images.find(({ manifest: { inputs } }) => inputs.root === recipe.digest && inputs.agent === agent.digest);
}

async function locked<T>(options: ImageOptions, action: (lock: number) => Promise<T>): Promise<T> {
  const onWait = () =>
    options.progress?.({ step: "prepare", fraction: 0, message: "Waiting for another build of an image" });
  using lock = await lockImages(options.dataDir, { signal: options.signal, onWait });
  return await action(lock.fd);
}

/** Builds a whole image, or reuses the root of another image with the same recipe. */
async function build(options: ImageOptions, inputs: Inputs, lock: number, rootOf?: Image): Promise<Image> {
  const { dataDir, progress, signal } = options;
  const { recipe, agent } = inputs;
  if (!rootOf) await requireImageBuilding();
  const scratch = await newScratch();
  const dir = await newBuildDir(dataDir, scratch);
  try {
    if (!rootOf) {
      progress?.({ step: "prepare", fraction: 0, message: "Preparing" });
      await requireSpace(scratch, SCRATCH_BYTES);
      await requireSpace(dataDir, IMAGE_BYTES);
    }
    const [root, agentFile] = await together(signal, [
      (signal) =>
        rootOf ? takeRoot(dataDir, rootOf, dir) : makeRoot(recipe, dir, scratch, { dataDir, lock, progress, signal }),
      (signal) => agent.binary(join(scratch, "agent"), signal),
    ]);
    progress?.({ step: "boot", fraction: 0.95, message: "Writing the initramfs" });
    const initramfsFile = join(dir, IMAGE_FILES.initramfs);
    await writeFile(initramfsFile, await initramfs(agentFile, join(dir, MODULES_DIR)));
    const hostAgent = join(dir, IMAGE_FILES.agent);
    await copyFile(agentFile, hostAgent);
    await chmod(hostAgent, 0o755);
    const files = {
      ...root.files,
      [IMAGE_FILES.initramfs]: await describeFile(initramfsFile, signal),
      [IMAGE_FILES.agent]: await describeFile(hostAgent, signal),
    };
    progress?.({ step: "publish", fraction: 0.97, message: "Storing the image" });
    const image = await publish(dataDir, dir, {
      format: 1,
      id: imageId(inputs, files),
      recipe: recipe.name,
      created: new Date().toISOString(),
      inputs: { root: recipe.digest, agent: agent.digest },
      kernelRelease: root.kernelRelease,
      packages: root.packages,
      diskBytes: recipe.disk.sizeMiB * 1024 * 1024,
      files,
    });
    progress?.({ step: "publish", fraction: 1, message: `Image ${image.id} is ready` });
    return image;
  } finally {
    await discard(dir);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The id depends on inputs and files: the same id means the same bytes, and an image can be found by its inputs. */
function imageId({ recipe, agent }: Inputs, files: Manifest["files"]): string {
  const names = Object.values({ ...IMAGE_FILES, kernel: kernelFile({ files }) });
  const digests = names.map((file) => files[file]!.sha256);
  return `${recipe.name}-${digestOf(recipe.digest, agent.digest, ...digests).slice(0, 16)}`;
}

async function newScratch(): Promise<string> {
  const dir = await mkdtemp(join(process.env.TMPDIR ?? SCRATCH_PARENT, "sandkeep-image-"));
  // Without root, mmdebstrap's subordinate user must be able to pass through here to the root it installs.
  await chmod(dir, 0o711);
  return dir;
}

async function requireSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const gib = (n: number) => (n / 1024 ** 3).toFixed(1);
  throw new ImageError(`building an image needs ${gib(bytes)} GiB in ${dir}, and ${gib(free)} GiB are free`);
}
