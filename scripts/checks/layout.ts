import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isCode, layoutViolations } from "./layout/rules.ts";
import type { Check } from "./runner/check.ts";
import { sources } from "./runner/sources.ts";

/** File names, file lengths and folder sizes: `layout/rules.ts` has the rules. */
export const layout: Check = {
  name: "layout: names, length of files, size of folders",
  run: async (tools) => {
    const paths = await sources(tools);
    const files = paths.map(async (path) => ({ path, lines: isCode(path) ? await lines(join(tools.root, path)) : 0 }));
    const violations = layoutViolations(await Promise.all(files));
    for (const { where, what } of violations) tools.say(`${where}: ${what}`);
    return violations.length === 0 && paths.length > 0;
  },
};

const lines = async (file: string) => (await readFile(file, "utf8")).split("\n").length - 1;
