import { basename, dirname } from "node:path";
import type { Violation } from "../runner/violation.ts";

/** A folder with more code files than this, not counting tests, needs subfolders. */
const MOST_FILES = 15;
/** A file longer than this should be split. */
const MOST_LINES = 400;

const CODE = /\.(?:ts|js|mjs|cjs|go|py|sh|pl)$/;
const TEST = /(?:\.test\.ts|_test\.go)$/;
/** The product's code. `e2e` is exempt: it has one file for each attack, client and server. */
const PRODUCT = /^(?:packages|guest|bench|scripts)\//;

const KEBAB_CASE = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/;
const SNAKE_CASE = /^[a-z0-9]+(?:_[a-z0-9]+)*\.[a-z]+$/;
/** Names set by others: well-known pages, Java classes, files of the guest's system. */
const NAMED_BY_OTHERS =
  /(?:^|\/)(?:README|CHANGELOG|CONTRIBUTING|SECURITY|LICENSE)(?:\.md)?$|\.java$|^images\/.*\/overlay\//;

export interface SourceFile {
  /** From the root of the repository. */
  path: string;
  /** Lines of a code file. */
  lines: number;
}

export const isCode = (path: string): boolean => CODE.test(path);

/** Finds violations in names, file lengths and folder sizes. */
export function layoutViolations(files: SourceFile[]): Violation[] {
  const violations: Violation[] = [];
  for (const { path, lines } of files) {
    const name = misnamed(path);
    if (name) violations.push({ where: path, what: name });
    if (isCode(path) && lines > MOST_LINES) {
      violations.push({ where: path, what: `has ${lines} lines, ${MOST_LINES} at most; split it` });
    }
  }
  const folders = Map.groupBy(
    files.filter(({ path }) => PRODUCT.test(path) && isCode(path) && !TEST.test(path)),
    ({ path }) => dirname(path),
  );
  for (const [where, { length }] of folders) {
    if (length > MOST_FILES) {
      violations.push({
        where,
        what: `has ${length} files besides tests, ${MOST_FILES} at most; make folders of them`,
      });
    }
  }
  return violations;
}

function misnamed(path: string): string | undefined {
  if (NAMED_BY_OTHERS.test(path)) return undefined;
  const folder = dirname(path)
    .split("/")
    .find((part) => part !== "." && !KEBAB_CASE.test(part));
  if (folder) return `folder "${folder}" is not in kebab-case`;
  const snake = /\.(?:go|s|py)$/.test(path);
  if ((snake ? SNAKE_CASE : KEBAB_CASE).test(basename(path))) return undefined;
  return `"${basename(path)}" is not in ${snake ? "snake_case" : "kebab-case"}`;
}
