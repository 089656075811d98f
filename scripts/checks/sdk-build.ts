import type { Check } from "./check.ts";

/** The SDK builds as it is published. */
export const sdkBuild: Check = {
  name: "build of the TypeScript SDK",
  run: async ({ execute }) => (await execute("npm", ["run", "--silent", "build", "-w", "sandkeep"])) === 0,
};
