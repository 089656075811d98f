import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { proxyCode } from "./code.ts";
import { compile, findCompiled } from "./compiled-code.ts";
import { nodeFlags, PACKAGE } from "./jailed-proxy.ts";
import { echo } from "./testing/echo.ts";
import { JailedLab } from "./testing/jailed.ts";

describe("the proxy's compiled code", () => {
  const cache = mkdtempSync(join(tmpdir(), "sk-compiled-"));
  const options = { cache, flags: nodeFlags() };
  let packages: string[];
  let folder: string;
  before(async () => {
    packages = (await proxyCode(PACKAGE, null, cache)).packages;
    assert.equal(findCompiled(options, packages), null);
    await compile(options, packages);
    folder = findCompiled(options, packages)!;
  });
  after(() => rmSync(cache, { recursive: true, force: true }));

  test("is that of this version and these flags, in a folder that nobody else can write", () => {
    assert.equal(dirname(folder), cache);
    assert.ok(readdirSync(folder).length > 50);
    assert.equal(findCompiled({ ...options, flags: [...options.flags, "--no-opt"] }, packages), null);
    assert.equal(
      findCompiled(
        options,
        packages.filter((path) => path !== PACKAGE),
      ),
      null,
    );
    chmodSync(folder, 0o777);
    assert.equal(findCompiled(options, packages), null);
    chmodSync(folder, 0o755);
    assert.equal(findCompiled(options, packages), folder);
  });

  for (const kind of ["full", "minimal"] as const)
    test(`is used in the ${kind} jail, and not changed from there`, async () => {
      const files = () => readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mtimeMs]);
      const before = files();
      await using lab = await JailedLab.start(await echo(), kind, {}, { compileCache: cache });
      const used = await lab.run<string>(`return (await load("node:module")).getCompileCacheDir();`);
      assert.equal(used, folder);
      const wrote = await lab.run<string[]>(`
        const fs = await load("node:fs");
        const attempts = {
          write: () => fs.writeFileSync(${JSON.stringify(join(folder, "new"))}, "x"),
          make: () => fs.mkdirSync(${JSON.stringify(join(folder, "folder"))}),
          change: () => fs.appendFileSync(${JSON.stringify(folder)} + "/" + fs.readdirSync(${JSON.stringify(folder)})[0], "x"),
          flush: () => process.getBuiltinModule("node:module").flushCompileCache(),
        };
        return Object.entries(attempts).filter(([name, attempt]) => {
          try { attempt(); return name !== "flush"; } catch { return false; }
        }).map(([name]) => name);`);
      assert.deepEqual(wrote, []);
      assert.deepEqual(files(), before);
    });
});
