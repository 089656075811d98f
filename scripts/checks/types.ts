import type { Check } from "./runner/check.ts";

/** Types: of everything at once, as tsconfig.json says. */
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
