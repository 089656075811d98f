import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SOURCES = [
  "packages/sdk/src/**/*.ts",
  "docs/sdk.md",
  "docs/egress.md",
  "docs/storage.md",
  "docs/forks.md",
  "packages/sdk/README.md",
];

/** A piece of TypeScript from the documentation. */
export interface Example {
  /** Where it is: `path:line`. */
  place: string;
  code: string;
  /** Whether it is marked as unable to run, because it needs a later version. */
  ignored: boolean;
}

/** Every `ts` block in the SDK's doc comments and pages, and in the page on egress. */
export function findExamples(): Example[] {
  return globSync(SOURCES, { cwd: ROOT })
    .filter((file) => !file.endsWith(".test.ts") && !file.includes("/testing/"))
    .sort()
    .flatMap((file) => examplesOf(join(ROOT, file)));
}

function examplesOf(file: string): Example[] {
  const examples: Example[] = [];
  let open: { line: number; ignored: boolean; code: string[] } | null = null;
  for (const [index, raw] of readFileSync(file, "utf8").split("\n").entries()) {
    const line = file.endsWith(".ts") ? raw.replace(/^\s*\* ?/, "") : raw;
    if (open === null) {
      const [, flag] = /^```ts( ignore)?$/.exec(line) ?? [];
      if (/^```ts( ignore)?$/.test(line)) open = { line: index + 1, ignored: flag !== undefined, code: [] };
    } else if (line.startsWith("```")) {
      examples.push({
        place: `${relative(ROOT, file)}:${open.line}`,
        code: `${open.code.join("\n")}\n`,
        ignored: open.ignored,
      });
      open = null;
    } else {
      open.code.push(line);
    }
  }
  return examples;
}
