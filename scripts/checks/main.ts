/**
 * Runs the static checks, as `sandkeep test --static` also does, or fixes what they can fix.
 *
 *   npm run check                  all of them
 *   npm run check -- types spell   those whose names have one of these words
 *   npm run fix                    repairs
 */
import { fileURLToPath } from "node:url";
import { CHECKS } from "./all.ts";
import { runChecks, toolsFor } from "./runner/run.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const words = process.argv.slice(2).filter((arg) => !arg.startsWith("-"));
const chosen = CHECKS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));

if (process.argv.includes("--fix")) {
  const tools = toolsFor(root, (text) => void process.stdout.write(text));
  for (const check of chosen) await check.fix?.(tools);
} else {
  const { passed, failed } = await runChecks(root, chosen);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
