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

/** Settings of dpkg that the image keeps, which its own build follows too. */
const DPKG_SETTINGS = "overlay/etc/dpkg/dpkg.cfg.d/sandkeep";

/**
 * Descriptors that mmdebstrap inherits. High ones, because mmdebstrap lets a shell use its own, and these must stay below
 * 10 there, the most that dash can redirect.
 */
const INPUTS_FD = 20;
const RESULTS_FD = 21;
const LOCK_FD = 22;

/**
 * mmdebstrap's last hook: takes the inputs, when they are complete, and goes on with the recipe's script. (Rootless, a
 * hook runs as a subordinate user, who can read nothing of ours but what is handed in this way.)
 */
const CUSTOMIZE_HOOK = [
  'work="$1/tmp/sandkeep"; mkdir "$work"',
  `bash -c 'tar -x -f - -C "$1" --no-same-owner <&${INPUTS_FD}' bash "$work"`,
  `exec bash "$work/customize.sh" "$1" ${RESULTS_FD}`,
].join(" && ");

/** Where and how to build a root. */
export interface RootOptions {
  /** Existing directory that gets `root.qcow2`, `vmlinuz`, `kernel-release`, `packages.tsv` and `modules/`. */
  into: string;
  /** Existing scratch directory on a disk, of mode 0711: the root is installed below it. */
  work: string;
  /** Descriptor of the lock, which is not released before the installation has ended and cleaned up. */
  lock: number;
  signal?: AbortSignal | undefined;
  progress?: ((event: ImageProgress) => void) | undefined;
  /** Called with each line that the tools print. */
  log?: ((line: string) => void) | undefined;
}

/** Installs Debian by a recipe and makes a disk of it. Needs no root where subordinate user ids are set up. */
export async function buildRoot(recipe: Recipe, options: RootOptions): Promise<void> {
  const mode = await chooseMode();
  options.log?.(await runCommand("mmdebstrap", ["--version"]));
  const inputs = join(options.work, "inputs");
  // Rootless, the directory above is open to others, for mmdebstrap's sake: what goes into the image is not.
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

/** Root can install as it is; others need a range of subordinate user ids and the tools that map them. */
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

/** What root mounts must be gone when mmdebstrap is, even if it was killed. Without the right to, it does not mount. */
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
    // Losing a half-built root to a power cut is no loss.
    "--dpkgopt=force-unsafe-io",
    `--customize-hook=${CUSTOMIZE_HOOK}`,
    recipe.suite,
  ];
}

/**
 * What the installation may know of ours: where programs are and how archives are reached. Programs of the image run in it, and
 * whatever else they are told of here, such as the place of a cache, could become part of the image.
 */
function toolEnvironment(): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(
    ([name]) => name === "PATH" || /^(https?|ftp|all|no)_proxy$/i.test(name),
  );
  return { ...Object.fromEntries(ours), HOME: "/root", LANG: "C.UTF-8" };
}

/** What `customize.sh` reads from its environment. */
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

/** Downloads what comes from the npm registry, while Debian is being installed, and then sends all inputs. */
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
  // Or tar ends at the archive's end mark, before the end of the stream.
  await runCommand("tar", ["--extract", "--ignore-zeros", "--file=-", "--no-same-owner", "-C", into], {
    stdin: "pipe",
    signal,
    attend: (tar, signal) => pipeline(results, tar.stdin!, { signal }),
  });
}
