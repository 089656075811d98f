import type { Check } from "./runner/check.ts";

/** The SDK builds, and what would be published of it is right: publint, are the types wrong, and rules of our own. */
export const npmPackage: Check = {
  name: "npm package of the SDK",
  run: async ({ execute }) => (await execute(process.execPath, ["scripts/npm/main.ts", "--check"])) === 0,
};
