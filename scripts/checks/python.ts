import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Diagnostic, PositionEncoding, Workspace } from "@astral-sh/ruff-wasm-nodejs";
import type { Check } from "./runner/check.ts";
import { sources } from "./runner/sources.ts";

/** Ruff's settings. Python programs here run in guests, so the oldest Python there decides the syntax. */
const SETTINGS = {
  "line-length": 120,
  "target-version": "py311",
  lint: {
    select: [
      "E", // pycodestyle
      "F", // Pyflakes: names that are not defined or not used
      "I", // order of imports
      "B", // bugbear: likely mistakes
      "UP", // syntax that is no longer needed
    ],
    ignore: [
      "E501", // the formatter breaks lines where it can
      "UP031", // `%` is the clearer way where the text itself has braces
    ],
  },
};

/** Python: ruff's lint and format. */
export const python: Check = {
  name: "format and lint of Python",
  run: async (tools) => {
    const files = await sources(tools, "*.py");
    let passed = files.length > 0;
    const ruff = new Workspace(SETTINGS, PositionEncoding.Utf32);
    for (const file of files) {
      const text = await readFile(join(tools.root, file), "utf8");
      const found = (ruff.check(text) as Diagnostic[]).map(
        ({ code, message, start_location: { row, column } }) => `${file}:${row}:${column}: ${code} ${message}`,
      );
      if (ruff.format(text) !== text) found.push(`${file}: not as ruff formats it (npm run fix repairs it)`);
      for (const line of found) tools.say(line);
      passed &&= found.length === 0;
    }
    return passed;
  },
  fix: async (tools) => {
    const ruff = new Workspace(SETTINGS, PositionEncoding.Utf16);
    for (const file of await sources(tools, "*.py")) {
      const text = await readFile(join(tools.root, file), "utf8");
      const repaired = ruff.format(withSortedImports(ruff, text));
      if (repaired !== text) await writeFile(join(tools.root, file), repaired);
    }
  },
};

/** Applies ruff's import fixes to the text, from the end so that positions stay valid. */
function withSortedImports(ruff: Workspace, text: string): string {
  const lines = text.split("\n");
  const offset = ({ row, column }: Position) =>
    lines.slice(0, row - 1).reduce((sum, line) => sum + line.length + 1, 0) + column - 1;
  return (ruff.check(text) as Diagnostic[])
    .filter(({ code }) => code?.startsWith("I"))
    .flatMap(({ fix }) => fix?.edits ?? [])
    .sort((a, b) => offset(b.location) - offset(a.location))
    .reduce((done, { content, location, end_location }) => {
      return done.slice(0, offset(location)) + (content ?? "") + done.slice(offset(end_location));
    }, text);
}

type Position = Diagnostic["start_location"];
