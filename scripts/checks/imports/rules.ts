import { isBuiltin } from "node:module";
import type { Violation } from "../runner/violation.ts";
import { circles } from "./circles.ts";
import { type Import, target } from "./graph.ts";
import { isProduct, isTestCode } from "./test-code.ts";

/** A package of this workspace. */
export interface Workspace {
  name: string;
  /** From the repository's root, without a trailing slash. */
  directory: string;
  /** Dependencies listed in its package.json, including development dependencies. */
  dependencies: string[];
  /** Its exports, such as `.` for the entry file. */
  exports: string[];
}

/** Which workspace packages each package may import: dependencies only point downwards. */
export const MAY_IMPORT: Record<string, string[]> = {
  "@sandkeep/common": [],
  "@sandkeep/protocol": ["@sandkeep/common"],
  "@sandkeep/serial": ["@sandkeep/common"],
  "@sandkeep/jail": ["@sandkeep/common"],
  "@sandkeep/egress": ["@sandkeep/common", "@sandkeep/serial", "@sandkeep/jail"],
  "@sandkeep/doors": ["@sandkeep/common", "@sandkeep/protocol"],
  "@sandkeep/host": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/serial",
    "@sandkeep/jail",
    "@sandkeep/egress",
  ],
  "@sandkeep/store": ["@sandkeep/common", "@sandkeep/protocol"],
  "@sandkeep/rpc": ["@sandkeep/common", "@sandkeep/protocol", "@sandkeep/host"],
  "@sandkeep/control": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/doors",
    "@sandkeep/egress",
    "@sandkeep/host",
    "@sandkeep/store",
    "@sandkeep/rpc",
  ],
  // Published, so it may not depend on unpublished packages.
  sandkeep: [],
  "@sandkeep/cli": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/egress",
    "@sandkeep/host",
    "@sandkeep/control",
    "sandkeep",
  ],
  "@sandkeep/bench": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/egress",
    "@sandkeep/host",
    "@sandkeep/cli",
    "sandkeep",
  ],
  "@sandkeep/e2e": [
    "@sandkeep/common",
    "@sandkeep/protocol",
    "@sandkeep/egress",
    "@sandkeep/doors",
    "@sandkeep/host",
    "@sandkeep/control",
    "@sandkeep/cli",
    "sandkeep",
  ],
};

/**
 * Finds violations: of the direction between packages, imports past entry files, undeclared dependencies, test helpers
 * in the product, circles.
 */
export function violationsOf(imports: Import[], workspaces: Workspace[]): Violation[] {
  const violations: Violation[] = [];
  for (const found of imports) {
    const owner = workspaces.find(({ directory }) => found.from.startsWith(`${directory}/`));
    const what = found.specifier.startsWith(".") ? relative(found, owner) : bare(found, owner, workspaces);
    const where = `${found.from}:${found.line}`;
    if (what) violations.push({ where, what });
    if (isProduct(found.from) && isTestCode(found.specifier)) {
      violations.push({ where, what: `the product must not import "${found.specifier}", which is for tests` });
    }
  }
  for (const circle of circles(imports)) {
    violations.push({ where: circle[0]!, what: `imports itself: ${[...circle, circle[0]].join(" → ")}` });
  }
  return violations;
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
