import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { readImports } from "../checks/imports/graph.ts";
import { isProduct } from "../checks/imports/test-code.ts";
import { readWorkspaces } from "../checks/imports/workspaces.ts";

const BEGIN = "<!-- packages:begin -->\n";
const END = "<!-- packages:end -->";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Which packages each package imports. */
export type Graph = Map<string, Set<string>>;

/** docs/architecture.md with the current picture of the packages. */
export function architecturePage(present: string): string {
  const [before, after] = [present.indexOf(BEGIN), present.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`docs/architecture.md has no "${BEGIN.trim()}" before "${END}"`);
  const picture = drawPackages(readPackages());
  return `${present.slice(0, before + BEGIN.length)}\n${picture}\n${present.slice(after)}`;
}

/** The packages and what their product code imports, not counting tests. */
function readPackages(): Graph {
  const packages = readWorkspaces(root).filter(({ directory }) => directory.startsWith("packages/"));
  const folders = new Map(packages.map(({ name, directory }) => [name, basename(directory)]));
  const graph: Graph = new Map([...folders.values()].sort().map((folder) => [folder, new Set()]));
  for (const { from, specifier } of readImports(root, ["packages/*/src/**/*.ts"])) {
    if (!isProduct(from)) continue;
    const importer = from.split("/")[1]!;
    const imported = folders.get(/^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? "");
    if (imported && imported !== importer) graph.get(importer)!.add(imported);
  }
  return graph;
}

/** A Mermaid flowchart, without arrows that others imply. */
export function drawPackages(graph: Graph): string {
  const arrows = [...direct(graph)].flatMap(([from, all]) => [...all].sort().map((to) => `  ${from} --> ${to}`));
  return ["```mermaid", "flowchart TD", ...[...graph.keys()].map((name) => `  ${name}`), ...arrows, "```"].join("\n");
}

/** The graph without arrows that others imply: with a → b → c, none from a to c. */
function direct(graph: Graph): Graph {
  const reaches = (from: string, to: string): boolean =>
    [...graph.get(from)!].some((next) => next === to || reaches(next, to));
  return new Map(
    [...graph].map(([from, all]) => [
      from,
      new Set([...all].filter((to) => ![...all].some((other) => other !== to && reaches(other, to)))),
    ]),
  );
}
