import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { errnoOf } from "./errno.ts";

test("tells the code of an operating system's error", async () => {
  const error = await readFile("/does/not/exist").catch((error: unknown) => error);
  assert.equal(errnoOf(error), "ENOENT");
});

test("tells nothing of whatever else can be thrown", () => {
  for (const thrown of [new Error("no code"), null, undefined, "ENOENT", 2, { code: 2 }])
    assert.equal(errnoOf(thrown), undefined);
});
