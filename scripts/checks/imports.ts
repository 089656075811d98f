/**
 * Checks that dependencies point one way (`imports/rules.ts` says which); that no package reaches past
 * another's entry file; that what is imported is declared; and that files do not import each other in circles.
 */
import { fileURLToPath } from "node:url";
import { readImports } from "./imports/graph.ts";
import { judge } from "./imports/rules.ts";
import { readWorkspaces } from "./imports/workspaces.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const imports = readImports(root, ["packages/*/src/**/*.ts", "bench/**/*.ts", "e2e/**/*.ts", "scripts/**/*.ts"]);
const violations = judge(imports, readWorkspaces(root));
for (const { where, what } of violations) console.error(`${where}: ${what}`);
console.log(`${imports.length} imports, ${violations.length} violations`);
process.exitCode = violations.length > 0 || imports.length === 0 ? 1 : 0;
