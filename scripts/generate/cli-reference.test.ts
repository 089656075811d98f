import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

test("docs/cli.md has every error code of the command line, unless it is the server's", () => {
  const others = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const codes = new Set<string>();
  for (const file of globSync("packages/cli/src/**/*.ts", { cwd: root }).filter((name) => !name.endsWith(".test.ts"))) {
    for (const [, code] of readFileSync(`${root}/${file}`, "utf8").matchAll(/CliError\("([A-Z_]+)"/g)) codes.add(code!);
  }
  assert.ok(codes.size > 10);
  for (const code of codes) assert.ok(page.includes(`\`${code}\``) || others.includes(code), `${code} is missing`);
});
