import type { Check } from "./runner/check.ts";

/** Types of the whole repository, configured in tsconfig.json. */
export const types: Check = {
  name: "types",
  run: async ({ root, execute }) =>
    (await execute(process.execPath, [
      `${root}/node_modules/typescript/bin/tsc`,
      "--noEmit",
      "-p",
      "tsconfig.json",
    ])) === 0,
};
