/** The files that a jailed Node needs to run the proxy: its code, and nothing else. */
import { execFile } from "node:child_process";
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export interface Code {
  /** Programs, libraries, folders. */
  paths: string[];
  /** Those of them that Node's program is linked with. */
  libraries: string[];
  /** Folders of the packages with the proxy's own code; nothing of the operator's. */
  packages: string[];
  /** Symbolic links on the way to a folder, with their targets. */
  links: Record<string, string>;
  /** The operator's module, by its real path: links to it are not visible. */
  hooks: string | null;
}

/**
 * Everything that the proxy runs.
 *
 * @param hooks the operator's module, whose whole package is visible
 * @param hidden a folder with secrets, which must not become visible with it
 */
export async function proxyCode(folder: string, hooks: string | null, hidden: string): Promise<Code> {
  const [libraries, packages] = await Promise.all([nodeLibraries(), packageFiles(folder)]);
  const own = hooks === null ? [] : [moduleFiles(hooks, hidden)];
  const paths = [process.execPath, ...libraries, ...packages.paths, ...own];
  return {
    paths: [...new Set(paths)],
    libraries,
    packages: packages.paths,
    links: packages.links,
    hooks: hooks === null ? null : realpathSync(hooks),
  };
}

const run = promisify(execFile);

/** Libraries of Node's program, and the loader, by the names under which they are looked for. */
async function nodeLibraries(): Promise<string[]> {
  // The loader prints what it would load, and ends (ld.so(8)).
  const { stdout } = await run(process.execPath, [], { env: { LD_TRACE_LOADED_OBJECTS: "1" } });
  return [...stdout.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path]) => path!);
}

/** A package's folder, and those of all packages that it depends on. @param folder as a real path */
export async function packageFiles(folder: string): Promise<Pick<Code, "paths" | "links">> {
  const paths = new Set<string>();
  const links: Record<string, string> = {};
  const add = async (folder: string): Promise<void> => {
    if (paths.has(folder)) return;
    paths.add(folder);
    const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const found = find(name, folder);
      if (found === null) {
        if (manifest.optionalDependencies?.[name]) continue;
        throw new Error(`${folder} depends on ${name}, which is not installed. Run scripts/setup.`);
      }
      // In a workspace.
      if (lstatSync(found).isSymbolicLink()) links[found] = readlinkSync(found);
      await add(realpathSync(found));
    }
  };
  await add(folder);
  return { paths: [...paths], links };
}

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Where Node would find a package that a file in this folder imports. */
function find(name: string, from: string): string | null {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", name);
    if (existsSync(candidate)) return candidate;
    if (at === dirname(at)) return null;
  }
}

/**
 * What belongs to a module of the operator's: the folder of its package, or its own if it is in none. A home directory is nobody's package,
 * whatever lies in it: of a module that lies directly in one, only the file belongs to it.
 *
 * @param hidden a folder with secrets, which must not be in it
 * @param homes home directories
 * @throws {Error} if it is
 */
export function moduleFiles(file: string, hidden: string, homes = homeDirectories()): string {
  const real = realpathSync(file);
  const found = packageFolder(dirname(real), (folder) => isShared(folder, homes)) ?? real;
  if (`${realpathSync(hidden)}/`.startsWith(`${found}/`))
    throw new Error(
      `egress.hooks: ${found}, which the proxy would see because of ${file}, contains the server's data. Move the module to a folder of its own.`,
    );
  return found;
}

/** The nearest folder with a package, or the first one; null if that is shared. */
function packageFolder(own: string, shared: (folder: string) => boolean): string | null {
  if (shared(own)) return null;
  for (let at = own; !shared(at); at = dirname(at)) if (existsSync(join(at, "package.json"))) return at;
  return own;
}

/** Whether a folder has much more in it than one package: a home directory, or the root. */
function isShared(folder: string, homes: string[]): boolean {
  return folder === dirname(folder) || dirname(folder) === "/home" || homes.includes(folder);
}

function homeDirectories(): string[] {
  return ["/root", "/home", homedir(), userHome()].filter((path) => existsSync(path)).map((path) => realpathSync(path));
}

/** As the computer's users are listed, whatever the environment says. */
function userHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    // The server's user may be in no list.
    return "/";
  }
}
