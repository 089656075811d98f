import type { Check } from "./runner/check.ts";

/** The SDK builds, and the package to publish passes publint, "Are the types wrong?" and our own rules. */
export const npmPackage: Check = {
  name: "npm package of the SDK",
  run: async ({ execute }) => (await execute(process.execPath, ["scripts/npm/main.ts", "--check"])) === 0,
};
