import { readImports } from "./imports/graph.ts";
import { violationsOf } from "./imports/rules.ts";
import { readWorkspaces } from "./imports/workspaces.ts";
import type { Check } from "./runner/check.ts";

/**
 * Dependencies point one way (`imports/rules.ts` has the rules), no package imports past another's entry file, every
 * dependency is declared, the product does not import test helpers, and files do not import each other in circles, not
 * even for types.
 */
export const imports: Check = {
  name: "imports",
  run: async ({ root, say }) => {
    const found = readImports(root, ["packages/*/src/**/*.ts", "bench/**/*.ts", "e2e/**/*.ts", "scripts/**/*.ts"]);
    const violations = violationsOf(found, readWorkspaces(root));
    for (const { where, what } of violations) say(`${where}: ${what}`);
    return violations.length === 0 && found.length > 0;
  },
};
