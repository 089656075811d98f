import type { ChildProcess } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { currentUser } from "../../preconditions/current-user.ts";
import type { Recipe } from "../build/recipe.ts";
import { ImageError, type ImageProgress } from "../image.ts";
import { runCommand } from "../tools/command.ts";
import { together } from "../tools/tasks.ts";
import { aptSettings } from "./apt-settings.ts";
import { downloadArtefact } from "./artefact.ts";
import { InstallProgress } from "./install-progress.ts";

/** dpkg settings that the image keeps and its own build uses too. */
const DPKG_SETTINGS = "overlay/etc/dpkg/dpkg.cfg.d/sandkeep";

/**
 * Descriptors that mmdebstrap inherits. They are high because mmdebstrap gives low ones to its shells, and below 10
 * because dash cannot redirect higher ones.
 */
const INPUTS_FD = 20;
const RESULTS_FD = 21;
const LOCK_FD = 22;

/**
 * mmdebstrap's last hook: receives the inputs once they are complete, and runs the recipe's script. (Without root, a
 * hook runs as a subordinate user, who can read only what is passed in this way.)
 */
const CUSTOMIZE_HOOK = [
  'work="$1/tmp/sandkeep"; mkdir "$work"',
  `bash -c 'tar -x -f - -C "$1" --no-same-owner <&${INPUTS_FD}' bash "$work"`,
  `exec bash "$work/customize.sh" "$1" ${RESULTS_FD}`,
].join(" && ");

/** Where and how to build a root. */
export interface RootOptions {
  /** Existing directory that receives `root.qcow2`, `vmlinuz`, `kernel-release`, `packages.tsv` and `modules/`. */
  into: string;
  /** Existing scratch directory on a disk, with mode 0711: the root is installed below it. */
  work: string;
  /** Descriptor of the lock, which stays held until the installation has ended and cleaned up. */
  lock: number;
  signal?: AbortSignal | undefined;
  progress?: ((event: ImageProgress) => void) | undefined;
  /** Called with each line that the tools print. */
  log?: ((line: string) => void) | undefined;
}

/** Installs Debian by a recipe and makes a disk of it. Does not need root if subordinate user ids are set up. */
export async function buildRoot(recipe: Recipe, options: RootOptions): Promise<void> {
  const mode = await chooseMode();
  options.log?.(await runCommand("mmdebstrap", ["--version"]));
  const inputs = join(options.work, "inputs");
  // Without root, mmdebstrap needs the directory above to be open to others; what goes into the image is not.
  await mkdir(inputs, { mode: 0o700 });
  const progress = new InstallProgress();
  await runCommand("mmdebstrap", await mmdebstrapArgs(recipe, mode, options.signal), {
    through: await ownMounts(mode),
    env: { ...toolEnvironment(), ...scriptEnvironment(recipe, options.work), TMPDIR: options.work },
    extra: { [INPUTS_FD]: "pipe", [RESULTS_FD]: "pipe", [LOCK_FD]: options.lock },
    endWithUs: true,
    signal: options.signal,
    onLine: (line) => {
      options.log?.(line);
      const event = progress.line(line);
      if (event) options.progress?.(event);
    },
    attend: (child, signal) =>
      together(signal, [
        (signal) => feed(recipe, inputs, stream(child, INPUTS_FD) as Writable, signal),
        (signal) => unpack(stream(child, RESULTS_FD) as Readable, options.into, signal),
      ]),
  });
}

function stream(child: ChildProcess, fd: number): unknown {
  return child.stdio[fd as 3];
}

/** Root can install directly; others need a range of subordinate user ids and the tools that map them. */
async function chooseMode(): Promise<"root" | "unshare"> {
  if (process.getuid?.() === 0) return "root";
  const { userName: username, uid } = currentUser();
  for (const file of ["/etc/subuid", "/etc/subgid"]) {
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
    if (lines.some((line) => [username, String(uid)].includes(line.split(":")[0]!))) continue;
    throw new ImageError(
      `no subordinate ids for ${username} in ${file}, which building an image without root needs: run ./sandkeep doctor`,
    );
  }
  return "unshare";
}

/**
 * What root mounts must be unmounted when mmdebstrap ends, even if it is killed. Without the privilege it mounts
 * nothing.
 */
async function ownMounts(mode: string): Promise<string[]> {
  if (mode !== "root") return [];
  return runCommand("unshare", ["--mount", "true"]).then(
    () => ["unshare", "--mount"],
    () => [],
  );
}

async function mmdebstrapArgs(recipe: Recipe, mode: string, signal?: AbortSignal): Promise<string[]> {
  const dpkg = (await readFile(join(recipe.dir, DPKG_SETTINGS), "utf8"))
    .split("\n")
    .filter((line) => /^[a-z]/.test(line));
  return [
    "--verbose",
    `--mode=${mode}`,
    "--architectures=amd64",
    `--variant=${recipe.variant}`,
    "--format=null",
    `--include=${recipe.packages.join(",")}`,
    ...(await aptSettings(signal)).map((setting) => `--aptopt=${setting}`),
    ...dpkg.map((setting) => `--dpkgopt=${setting}`),
    // No sync: losing a half-built root in a power cut does not matter.
    "--dpkgopt=force-unsafe-io",
    `--customize-hook=${CUSTOMIZE_HOOK}`,
    recipe.suite,
  ];
}

/**
 * The environment of the installation: where programs are and how archives are reached. Programs of the image run in
 * it, and any other variable, such as the path of a cache, could become part of the image.
 */
function toolEnvironment(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(
    ([name]) => name === "PATH" || /^(https?|ftp|all|no)_proxy$/i.test(name),
  );
  return { ...Object.fromEntries(ours), HOME: "/root", LANG: "C.UTF-8" };
}

/** Variables that `customize.sh` reads. */
function scriptEnvironment({ kernel, disk }: Recipe, work: string): Record<string, string> {
  return {
    SANDKEEP_KERNEL: kernel.package,
    SANDKEEP_MODULES: kernel.initramfsModules.join(" "),
    SANDKEEP_DISK_MIB: String(disk.sizeMiB),
    SANDKEEP_JOURNAL_MIB: String(disk.journalMiB),
    SANDKEEP_LABEL: disk.label,
    SANDKEEP_UUID: disk.uuid,
    SANDKEEP_HASH_SEED: disk.hashSeed,
    SANDKEEP_SCRATCH: work,
  };
}

/** Downloads the packages of the npm registry while Debian is being installed, then sends all inputs. */
async function feed(recipe: Recipe, inputs: string, to: Writable, signal: AbortSignal): Promise<void> {
  await together(
    signal,
    recipe.npm.map((artefact) => (signal) => downloadArtefact(artefact, inputs, signal)),
  );
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go+rX,go-w"];
  const files = ["-C", recipe.dir, "customize.sh", "overlay", "-C", inputs, ...recipe.npm.map(({ as }) => `${as}.tgz`)];
  await runCommand("tar", ["--create", ...owner, "--file=-", ...files], {
    collect: false,
    signal,
    attend: (tar, signal) => pipeline(tar.stdout!, to, { signal }),
  });
}

async function unpack(results: Readable, into: string, signal: AbortSignal): Promise<void> {
  // Otherwise tar stops at the archive's end mark, before the end of the stream.
  await runCommand("tar", ["--extract", "--ignore-zeros", "--file=-", "--no-same-owner", "-C", into], {
    stdin: "pipe",
    signal,
    attend: (tar, signal) => pipeline(results, tar.stdin!, { signal }),
  });
}
