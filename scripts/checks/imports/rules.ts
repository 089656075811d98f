import { isBuiltin } from "node:module";
import { type Import, target } from "./graph.ts";

/** A package of this workspace. */
export interface Workspace {
  name: string;
  /** From the root of the repository, without a slash at the end. */
  directory: string;
  /** What its package.json lists, for running and for developing. */
  dependencies: string[];
  /** What may be imported of it, such as `.` for its entry file. */
  exports: string[];
}

export interface Violation {
  where: string;
  what: string;
}

/** Which packages of the workspace each may import: dependencies point downwards only. */
export const MAY_IMPORT: Record<string, string[]> = {
  "@sandkeep/common": [],
  "@sandkeep/protocol": ["@sandkeep/common"],
  "@sandkeep/serial": ["@sandkeep/common"],
  "@sandkeep/egress": ["@sandkeep/common", "@sandkeep/serial"],
  "@sandkeep/host": ["@sandkeep/common", "@sandkeep/protocol", "@sandkeep/serial", "@sandkeep/egress"],
  "@sandkeep/store": ["@sandkeep/common", "@sandkeep/protocol", "@sandkeep/egress"],
  "@sandkeep/rpc": ["@sandkeep/common", "@sandkeep/protocol", "@sandkeep/host"],
  "@sandkeep/control": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/egress",
    "@sandkeep/host",
    "@sandkeep/store",
    "@sandkeep/rpc",
  ],
  // Published, so it depends on nothing that is not.
  sandkeep: [],
  "@sandkeep/cli": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/egress",
    "@sandkeep/host",
    "@sandkeep/control",
    "sandkeep",
  ],
  "@sandkeep/bench": ["@sandkeep/common", "@sandkeep/protocol", "@sandkeep/egress", "@sandkeep/cli", "sandkeep"],
  "@sandkeep/e2e": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/egress",
    "@sandkeep/host",
    "@sandkeep/control",
    "@sandkeep/cli",
    "sandkeep",
  ],
};

/** Judges imports: direction between packages, entry files only, declared dependencies, no cycles. */
export function judge(imports: Import[], workspaces: Workspace[]): Violation[] {
  const violations: Violation[] = [];
  for (const found of imports) {
    const owner = workspaces.find(({ directory }) => found.from.startsWith(`${directory}/`));
    const what = found.specifier.startsWith(".") ? relative(found, owner) : bare(found, owner, workspaces);
    if (what) violations.push({ where: `${found.from}:${found.line}`, what });
  }
  return [...violations, ...cycles(imports)];
}

function relative(found: Import, owner: Workspace | undefined): string | undefined {
  if (owner && !target(found).startsWith(`${owner.directory}/`)) {
    return `"${found.specifier}" leaves the package; import another package by its name`;
  }
  return undefined;
}

function bare(found: Import, owner: Workspace | undefined, workspaces: Workspace[]): string | undefined {
  const { specifier } = found;
  if (isBuiltin(specifier)) {
    return specifier.startsWith("node:")
      ? undefined
      : `"${specifier}" is a module of Node's; write "node:${specifier}"`;
  }
  if (!owner) return undefined;
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const imported = workspaces.find((workspace) => workspace.name === name);
  if (imported && imported !== owner) {
    if (!MAY_IMPORT[owner.name]?.includes(name)) return `${owner.name} must not depend on ${name}`;
    const path = `.${specifier.slice(name.length)}`;
    if (!imported.exports.includes(path)) return `"${specifier}" reaches past the entry file of ${name}`;
  }
  if (!owner.dependencies.includes(name)) return `"${name}" is not among the dependencies of ${owner.name}`;
  return undefined;
}

/** Cycles between files, by imports that are there when the program runs. */
function cycles(imports: Import[]): Violation[] {
  const edges = new Map<string, string[]>();
  for (const found of imports) {
    if (found.typeOnly || !found.specifier.startsWith(".")) continue;
    edges.set(found.from, [...(edges.get(found.from) ?? []), target(found)]);
  }
  const violations: Violation[] = [];
  const finished = new Set<string>();
  const visit = (file: string, path: string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) {
      violations.push({ where: file, what: `imports itself: ${[...path.slice(at), file].join(" → ")}` });
    } else if (!finished.has(file)) {
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      finished.add(file);
    }
  };
  for (const file of edges.keys()) visit(file, []);
  return violations;
}
