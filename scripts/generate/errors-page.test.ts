import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ERRORS_PAGE, errorsPage } from "./errors-page.ts";

test("docs/errors.md is of this catalogue", async () => {
  assert.equal(await readFile(ERRORS_PAGE, "utf8"), errorsPage(), "write it anew: see errors-page.ts");
});
