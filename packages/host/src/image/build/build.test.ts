import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, stat, watch, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { imagesDir, lockImages } from "../cache/cache.ts";
import type { ImageProgress, Manifest } from "../image.ts";
import { fakeManifest, fakeTool, putImage } from "../testing/fake-image.ts";
import { bzImage, KERNEL } from "../testing/fake-kernel.ts";
import { digestOfFile } from "../tools/digest.ts";
import { buildImage, ensureImage, findImage, type ImageOptions } from "./build.ts";
import { DEFAULT_RECIPE_DIR, readRecipe } from "./recipe.ts";

let dir: string;
let options: ImageOptions;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-build-"));
  const agentBinary = join(dir, "agent-1");
  await writeFile(agentBinary, "agent one");
  options = { dataDir: join(dir, "data"), agentBinary };
});
afterEach(() => rm(dir, { recursive: true }));

async function putRoot(): Promise<string> {
  const { digest } = await readRecipe(DEFAULT_RECIPE_DIR);
  return (await putImage(options.dataDir, "earlier", { inputs: { root: digest, agent: "another" } })).rootDisk;
}

test("when only the agent has changed, only the initramfs is built", async () => {
  const earlier = await putRoot();
  const events: ImageProgress[] = [];
  const image = await ensureImage({ ...options, progress: (event) => events.push(event) });
  assert.equal((await stat(image.rootDisk)).ino, (await stat(earlier)).ino, "the root takes no space of its own");
  const initramfs = await readFile(image.initramfs);
  assert.ok(initramfs.includes("agent one") && initramfs.includes("modules/virtio_blk.ko"));
  assert.equal(image.manifest.files["initramfs.cpio"]!.sha256, await digestOfFile(image.initramfs));
  assert.deepEqual([...new Set(events.map(({ step }) => step))], ["boot", "publish"]);
  assert.equal(events.at(-1)!.fraction, 1);
});

test("the kernel of an earlier version's image is unpacked, which saves every boot the time", async () => {
  const { digest } = await readRecipe(DEFAULT_RECIPE_DIR);
  const { files } = fakeManifest("earlier");
  const packed = bzImage(zstdCompressSync(KERNEL));
  const { vmlinux: _, ...others }: Manifest["files"] = { ...files, vmlinuz: { bytes: packed.length, sha256: "" } };
  const earlier = await putImage(options.dataDir, "earlier", {
    inputs: { root: digest, agent: "another" },
    files: others,
    extra: { vmlinuz: packed },
  });
  assert.match(earlier.kernel, /vmlinuz$/);
  const image = await ensureImage(options);
  assert.match(image.kernel, /vmlinux$/);
  assert.deepEqual(await readFile(image.kernel), KERNEL);
});

test("an image that is there is found without building", async () => {
  await putRoot();
  assert.equal(await findImage(options), undefined);
  const image = await ensureImage(options);
  assert.equal((await findImage(options))?.id, image.id);
  assert.equal((await ensureImage({ ...options, progress: () => assert.fail("nothing is built") })).id, image.id);
});

test("an image of another agent or recipe does not fit", async () => {
  await putRoot();
  await ensureImage(options);
  const agentBinary = join(dir, "agent-2");
  await writeFile(agentBinary, "agent two");
  assert.equal(await findImage({ ...options, agentBinary }), undefined);
  const recipeDir = join(dir, "recipe");
  await cp(DEFAULT_RECIPE_DIR, recipeDir, { recursive: true });
  await writeFile(join(recipeDir, "overlay/new"), "");
  assert.equal(await findImage({ ...options, recipeDir }), undefined);
});

test("those who want the same image at the same time get one", async () => {
  await putRoot();
  const images = await Promise.all([ensureImage(options), ensureImage(options), ensureImage(options)]);
  assert.equal(new Set(images.map(({ id }) => id)).size, 1);
  assert.deepEqual((await readdir(imagesDir(options.dataDir))).sort(), [".lock", images[0]!.id, "earlier"].sort());
});

/** Runs a build in its own process, with a script as mmdebstrap. */
function buildElsewhere(bin: string) {
  const program = `
    import { buildImage } from ${JSON.stringify(new URL("./build.ts", import.meta.url).href)};
    await buildImage(${JSON.stringify(options)}).catch((error) => { console.error(error.message); process.exitCode = 1; });
  `;
  const flags = [...process.execArgv.filter((flag) => !flag.startsWith("--test")), "--input-type=module", "--eval"];
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, TMPDIR: dir };
  return spawn(process.execPath, [...flags, program], { env, stdio: ["ignore", "ignore", "pipe"] });
}

/** Enough of mmdebstrap to be interrupted: installs something below TMPDIR, reports that and waits. */
const SLOW = `
[ "$1" = --version ] && exit
mkdir "$TMPDIR/root"; echo half > "$TMPDIR/root/installed"
echo "sandkeep-step: kernel" >&2; touch "$TMPDIR/../installing"
sleep 100`;

test("a build that is killed leaves no image, and the next one cleans up after it", async () => {
  const child = buildElsewhere(await fakeTool(dir, "mmdebstrap", SLOW));
  await appears("installing");
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal((await readdir(imagesDir(options.dataDir))).filter((name) => name.startsWith("debian-13")).length, 0);
  // The lock is not available before the killed build's tools have ended.
  (await lockImages(options.dataDir))[Symbol.dispose]();
  assert.deepEqual((await readdir(imagesDir(options.dataDir))).sort(), [".lock", "build.log"]);
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith("sandkeep-image-")),
    [],
  );
});

test("a build that fails tells the tool's last words, and leaves nothing", async () => {
  const child = buildElsewhere(
    await fakeTool(dir, "mmdebstrap", '[ "$1" = --version ] && exit; echo "E: no such suite" >&2; exit 9'),
  );
  const message = await text(child.stderr);
  assert.match(message, /mmdebstrap failed with exit code 9:\n {2}E: no such suite/);
  assert.deepEqual((await readdir(imagesDir(options.dataDir))).sort(), [".lock", "build.log"]);
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith("sandkeep-image-")),
    [],
  );
});

test("nothing of our environment is installed: tools are told where programs are, and no more", async () => {
  process.env.NODE_COMPILE_CACHE = join(dir, "compiled");
  const child = buildElsewhere(
    await fakeTool(dir, "mmdebstrap", '[ "$1" = --version ] && exit; env | cut -d= -f1 >&2; exit 9'),
  );
  const [, ...names] = (await text(child.stderr)).trim().split(/\s*\n\s*/);
  assert.ok(names.includes("PATH") && names.includes("HOME"), names.join(" "));
  assert.deepEqual(
    names.filter((name) => !/^(PATH|HOME|LANG|TMPDIR|PWD|SHLVL|_|SANDKEEP_[A-Z_]+|.*_proxy)$/i.test(name)),
    [],
  );
});

test("an aborted build rejects with the reason and leaves nothing", async () => {
  const reason = new Error("changed my mind");
  await assert.rejects(buildImage({ ...options, signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual(await readdir(imagesDir(options.dataDir)), [".lock"]);
});

/** Waits until a file is in the test's directory. */
async function appears(name: string): Promise<void> {
  const stop = new AbortController();
  const changes = watch(dir, { signal: stop.signal })[Symbol.asyncIterator]();
  // Watching begins with the first wait, so that nothing is missed between checking and waiting.
  let change = changes.next();
  while (!(await readdir(dir)).includes(name)) {
    await change;
    change = changes.next();
  }
  stop.abort();
  await change.catch(() => {});
}
