import { type Import, target } from "./graph.ts";

/**
 * Import circles: for each set of files that all lead to each other, the shortest way from the first of them back to
 * itself. Type-only imports count, although they are erased: whoever reads one file of a circle has to read them all.
 */
export function circles(imports: Import[]): string[][] {
  const edges = new Map<string, Set<string>>();
  for (const found of imports) {
    if (!found.specifier.startsWith(".")) continue;
    edges.set(found.from, (edges.get(found.from) ?? new Set()).add(target(found)));
  }
  const found: string[][] = [];
  const seen = new Set<string>();
  for (const file of [...edges.keys()].sort()) {
    const around = seen.has(file) ? undefined : shortestWay(edges, file, file);
    if (!around) continue;
    found.push(around);
    for (const other of edges.keys()) {
      if (shortestWay(edges, file, other) && shortestWay(edges, other, file)) seen.add(other);
    }
  }
  return found;
}

/** The files on an import path, excluding its end; undefined if there is none. */
function shortestWay(edges: Map<string, Set<string>>, from: string, to: string): string[] | undefined {
  const ways: string[][] = [[from]];
  const reached = new Set<string>();
  for (const way of ways) {
    for (const next of edges.get(way.at(-1)!) ?? []) {
      if (next === to) return way;
      if (reached.has(next)) continue;
      reached.add(next);
      ways.push([...way, next]);
    }
  }
  return undefined;
}
