import type { Check } from "./runner/check.ts";

const BIOME = "node_modules/.bin/biome";

/** Format, import order and lint of TypeScript, JavaScript and JSON, configured in biome.json. */
export const format: Check = {
  name: "format and lint of TypeScript",
  run: async ({ execute }) => (await execute(BIOME, ["ci", "--error-on-warnings", "--colors=off"])) === 0,
  fix: async ({ execute }) => void (await execute(BIOME, ["check", "--write"])),
};
