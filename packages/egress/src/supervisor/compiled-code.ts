/**
 * The proxy's code as Node has compiled it. Node would otherwise strip the types of more than a hundred files and compile them in every
 * proxy. A proxy can read this, never write it: what one writes, others would run. So a process outside of the jails fills Node's cache; it
 * loads the code, and nothing else.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeFileAtomically } from "@sandkeep/common";

const COMPILE = fileURLToPath(new URL("../process/compile.ts", import.meta.url));
/** How long that may take: a second, in the background of a busy computer longer. */
const COMPILE_MS = 120_000;
/** It can wait, and ends with this process. */
const IN_BACKGROUND = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "19"];
const WRITABLE_BY_OWNER = 0o755;
const WRITABLE_BY_OTHERS = 0o022;

const run = promisify(execFile);

export interface CompiledCodeOptions {
  /** Folder of Node's compile cache, the server's own for example. Nobody else can write to it. */
  cache: string;
  /** Node's flags, on which compiled code depends. */
  flags: readonly string[];
}

/**
 * The folder with the code compiled for these flags; null if there is none yet.
 *
 * @param packages folders, as in {@link Code}
 */
export function findCompiled(options: CompiledCodeOptions, packages: readonly string[]): string | null {
  try {
    const folder = readFileSync(markerOf(options, packages), "utf8");
    const { uid, mode } = lstatSync(folder);
    const isOurs = dirname(folder) === options.cache && uid === process.geteuid!() && (mode & WRITABLE_BY_OTHERS) === 0;
    return isOurs ? folder : null;
  } catch {
    return null;
  }
}

/** Compiles the code. @throws if that fails, or the signal is aborted */
export async function compile(
  options: CompiledCodeOptions,
  packages: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const { cache, flags } = options;
  // Before: what changes meanwhile is compiled again.
  const marker = markerOf(options, packages);
  const [file, ...args] = [...IN_BACKGROUND, process.execPath, ...flags, COMPILE];
  const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache };
  const { stdout } = await run(file!, args, { env, timeout: COMPILE_MS, killSignal: "SIGKILL", signal });
  const folder = stdout.trim();
  if (dirname(folder) !== cache) throw new Error(`Node has no compile cache in ${cache}.`);
  // Whatever this process's umask is.
  await chmod(folder, WRITABLE_BY_OWNER);
  await writeFileAtomically(marker, folder, { durable: false });
}

/** A file with the name of the folder. Its own name changes with everything that the compiled code depends on. */
function markerOf({ cache, flags }: CompiledCodeOptions, packages: readonly string[]): string {
  const facts = [process.version, process.arch, ...flags, ...packages.flatMap(filesIn)];
  return join(cache, `egress-${createHash("sha256").update(facts.join("\n")).digest("hex").slice(0, 32)}`);
}

/** What tells whether code has changed: our own files, and the manifests of packages that others have made. */
function filesIn(folder: string): string[] {
  const manifest = join(folder, "package.json");
  const isOwn = basename(dirname(folder)) === "packages";
  const names = isOwn ? readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" }).sort() : [];
  return [manifest, ...names.map((name) => join(folder, "src", name))].flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() ? `${path} ${stat.size} ${stat.mtimeMs}` : [];
  });
}
