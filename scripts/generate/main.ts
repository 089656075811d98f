/**
 * Writes every page that is generated from the code (`npm run generate`); with `--check` reports those that are out of
 * date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PAGES } from "./pages.ts";

const check = process.argv.includes("--check");
for (const { file, render } of PAGES) {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  const present = readFileSync(path, "utf8");
  const text = render(present);
  if (text === present) continue;
  if (check) process.exitCode = 1;
  else writeFileSync(path, text);
  console.log(check ? `${file} is not as the code has it; npm run generate writes it` : `wrote ${file}`);
}
