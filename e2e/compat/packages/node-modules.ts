import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { tool } from "./command.ts";

/** The workspace's `node_modules`, where npm installs the dependencies of all packages. */
const ROOT = join(import.meta.dirname, "../../..");
/** Files that no program reads at run time. */
const LEFT_OUT = ["*.d.ts", "*.d.mts", "*.d.cts", "*.map", "*.md"];

interface Manifest {
  dependencies?: Record<string, string>;
}

/** Packs installed npm packages and their dependencies into an archive of a `node_modules`. */
export async function packNodeModules(names: string[], archive: string): Promise<void> {
  const folders = new Set<string>();
  const visit = (name: string, from: string) => {
    const folder = find(name, from);
    if (folders.has(folder)) return;
    folders.add(folder);
    const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
    for (const dependency of Object.keys(dependencies)) visit(dependency, folder);
  };
  for (const name of names) visit(name, import.meta.dirname);
  const exclude = LEFT_OUT.map((pattern) => `--exclude=${pattern}`);
  await tool("tar", [
    "--create",
    "--file",
    archive,
    "-C",
    ROOT,
    ...exclude,
    ...[...folders].map((folder) => relative(ROOT, folder)),
  ]);
}

/** A package's folder, found as Node does. */
function find(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (folder === dirname(folder)) throw new Error(`${name} is not installed`);
  }
}
