import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One import of a source file. */
export interface Import {
  /** Path of the file, from the root of the repository. */
  from: string;
  /** The specifier as written. */
  specifier: string;
  line: number;
  /** Whether it is type-only. */
  typeOnly: boolean;
}

const STATEMENT =
  /(?:^|[;}\n])\s*(import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\sfrom\s*)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** The imports in the text of a module. Comments and template strings are left out first. */
export function importsOf(from: string, text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, " "));
  return [...code.matchAll(STATEMENT)].map((match) => ({
    from,
    specifier: (match[3] ?? match[4])!,
    line: code.slice(0, match.index + match[0].length).split("\n").length,
    typeOnly: match[2] !== undefined,
  }));
}

/** Every import of every source file below `root`. */
export function readImports(root: string, patterns: string[]): Import[] {
  const files = globSync(patterns, { cwd: root, exclude: (name) => name === "node_modules" || name === "dist" });
  return files.sort().flatMap((file) => importsOf(file, readFileSync(join(root, file), "utf8")));
}

/** The file that a relative import names. */
export function target(found: Import): string {
  return join(dirname(found.from), found.specifier);
}
