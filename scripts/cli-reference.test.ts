import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cliPage } from "./cli-reference.ts";

test("docs/cli.md says what the commands say (scripts/cli-reference.ts --write makes it so)", () => {
  const page = readFileSync(new URL("../docs/cli.md", import.meta.url), "utf8");
  assert.equal(page, cliPage(page));
});
