import type { Check } from "./runner/check.ts";

const CSPELL = "node_modules/cspell/bin.mjs";

/**
 * Spelling of pages, comments and messages: British English, configured in cspell.json. Terms missing from its
 * dictionaries are in words.txt.
 */
export const spelling: Check = {
  name: "spelling",
  run: async ({ execute, say }) => {
    const code = await execute(process.execPath, [
      CSPELL,
      "lint",
      "--no-progress",
      "--no-summary",
      "--no-color",
      "--dot",
      ".",
    ]);
    if (code !== 0) say("A term that is spelled right goes into scripts/checks/words.txt.");
    return code === 0;
  },
};
