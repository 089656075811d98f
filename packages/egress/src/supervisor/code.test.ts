import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { moduleFiles } from "./code.ts";

describe("what the proxy sees of the operator's hooks", () => {
  let dir: string;
  let packed: string;
  before(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "sk-hooks-")));
    packed = join(dir, "project");
    mkdirSync(join(packed, "src"), { recursive: true });
    for (const file of ["hooks.mjs", "project/src/hooks.mjs"]) writeFileSync(join(dir, file), "export default {}");
    for (const folder of [dir, packed]) writeFileSync(join(folder, "package.json"), "{}");
  });
  after(() => rmSync(dir, { recursive: true }));

  test("is the folder of its package, or its own without one", () => {
    assert.equal(moduleFiles(join(packed, "src", "hooks.mjs"), "/proc/self", []), packed);
    rmSync(join(packed, "package.json"));
    assert.equal(moduleFiles(join(packed, "src", "hooks.mjs"), "/proc/self", []), dir);
    assert.equal(moduleFiles(join(packed, "src", "hooks.mjs"), "/proc/self", [dir]), join(packed, "src"));
  });

  test("is not a home directory, even if that has a package.json", () => {
    assert.equal(moduleFiles(join(dir, "hooks.mjs"), "/proc/self", []), dir);
    assert.equal(moduleFiles(join(dir, "hooks.mjs"), dir, [dir]), join(dir, "hooks.mjs"));
  });

  test("has not the server's keys in it; otherwise it is refused, with what to do", () => {
    assert.throws(() => moduleFiles(join(dir, "hooks.mjs"), dir, []), /contains the server's data.*Move the module/s);
  });
});
