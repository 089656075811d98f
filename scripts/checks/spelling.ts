import type { Check } from "./runner/check.ts";

/**
 * Spelling of pages, comments and messages: British English, as cspell.json says. Terms that no dictionary has are in
 * words.txt.
 */
export const spelling: Check = {
  name: "spelling",
  run: async ({ execute }) =>
    (await execute(process.execPath, [
      "node_modules/cspell/bin.mjs",
      "lint",
      "--no-progress",
      "--no-summary",
      "--no-color",
      "--dot",
      ".",
    ])) === 0,
};
