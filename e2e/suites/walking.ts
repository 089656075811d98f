import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { ExpandGlobOptions, WalkOptions } from "sandkeep";
import { failsWith } from "../harness/errors.ts";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** `walk` and `expandGlob`, every option of each. */
export default function walking(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk);

  before(async () => {
    const { fs } = sandbox();
    await fs.mkdir("tree/src/deep/er", { recursive: true });
    await fs.mkdir("tree/empty");
    for (const path of ["README.md", "src/a.ts", "src/b.js", "src/deep/c.ts", "src/deep/er/D.TS", ".hidden"]) {
      await fs.writeTextFile(`tree/${path}`, "");
    }
    await fs.symlink("src", "tree/link");
    await fs.symlink("README.md", "tree/filelink");
  });

  async function walk(options?: WalkOptions, root = "tree"): Promise<string[]> {
    const paths = [];
    for await (const entry of sandbox().fs.walk(root, options)) paths.push(entry.path);
    return paths.sort();
  }

  async function glob(pattern: string, options?: ExpandGlobOptions): Promise<string[]> {
    const paths = [];
    for await (const entry of sandbox().fs.expandGlob(pattern, options))
      paths.push(entry.path.replace("/home/app/tree/", ""));
    return paths.sort();
  }

  const ALL = [
    "tree",
    "tree/.hidden",
    "tree/README.md",
    "tree/empty",
    "tree/filelink",
    "tree/link",
    "tree/src",
    "tree/src/a.ts",
    "tree/src/b.js",
    "tree/src/deep",
    "tree/src/deep/c.ts",
    "tree/src/deep/er",
    "tree/src/deep/er/D.TS",
  ];

  test("gives everything, the root first, and says what each is", async () => {
    assert.deepEqual(await walk(), ALL);
    const entries = await Array.fromAsync(sandbox().fs.walk("tree"));
    assert.deepEqual(entries[0], { path: "tree", name: "tree", isFile: false, isDirectory: true, isSymlink: false });
    assert.deepEqual(
      entries.find(({ name }) => name === "link"),
      { path: "tree/link", name: "link", isFile: false, isDirectory: false, isSymlink: true },
    );
    assert.deepEqual(
      entries.find(({ name }) => name === "a.ts"),
      { path: "tree/src/a.ts", name: "a.ts", isFile: true, isDirectory: false, isSymlink: false },
    );
    assert.ok((await walk({}, "/home/app/tree")).includes("/home/app/tree/src/a.ts"));
  });

  test("goes only so deep", async () => {
    assert.deepEqual(await walk({ maxDepth: 0 }), ["tree"]);
    assert.deepEqual(
      await walk({ maxDepth: 1 }),
      ALL.filter((path) => path.split("/").length <= 2),
    );
  });

  test("leaves out what is not wanted", async () => {
    const files = [
      "tree/.hidden",
      "tree/README.md",
      "tree/src/a.ts",
      "tree/src/b.js",
      "tree/src/deep/c.ts",
      "tree/src/deep/er/D.TS",
    ];
    assert.deepEqual(await walk({ includeDirs: false, includeSymlinks: false }), files);
    assert.deepEqual(await walk({ includeFiles: false, includeSymlinks: false }), [
      "tree",
      "tree/empty",
      "tree/src",
      "tree/src/deep",
      "tree/src/deep/er",
    ]);
    assert.deepEqual(await walk({ includeFiles: false, includeDirs: false }), ["tree/filelink", "tree/link"]);
  });

  test("chooses by extension and by pattern", async () => {
    assert.deepEqual(await walk({ exts: [".ts"] }), ["tree/src/a.ts", "tree/src/deep/c.ts"]);
    assert.deepEqual(await walk({ exts: ["md", ".js"] }), ["tree/README.md", "tree/src/b.js"]);
    assert.deepEqual(await walk({ match: [/\.ts$/i, /README/] }), [
      "tree/README.md",
      "tree/src/a.ts",
      "tree/src/deep/c.ts",
      "tree/src/deep/er/D.TS",
    ]);
    assert.deepEqual(await walk({ match: [/ts$/], skip: [/deep/] }), ["tree/src/a.ts"]);
    assert.deepEqual(await walk({ skip: [/src/, /^tree$/] }), []);
  });

  test("follows links when asked to, under their own or their real paths", async () => {
    const real = await walk({ followSymlinks: true, exts: [".js"] });
    assert.deepEqual([...new Set(real.map((path) => path.replace("/home/app/", "")))], ["tree/src/b.js"]);
    const own = await walk({ followSymlinks: true, canonicalize: false, exts: [".js"] });
    assert.deepEqual(own, ["tree/link/b.js", "tree/src/b.js"]);
  });

  test("can be left early", async () => {
    // The platform's own client cannot cancel a stream without a reason.
    if (sdk.official) return;
    for await (const entry of sandbox().fs.walk("/usr")) {
      assert.ok(entry.path.startsWith("/usr"));
      break;
    }
    assert.equal((await walk({ maxDepth: 0 })).length, 1);
  });

  test("fails for a root that is not there", async () => {
    await failsWith(sdk, "ENOENT", "NotFound", walk({}, "absent"));
  });

  test("expands stars, question marks, sets and braces", async () => {
    assert.deepEqual(await glob("tree/src/*.ts"), ["src/a.ts"]);
    assert.deepEqual(await glob("tree/src/?.[jt]s"), ["src/a.ts", "src/b.js"]);
    assert.deepEqual(await glob("tree/src/{a,b}.*"), ["src/a.ts", "src/b.js"]);
    assert.deepEqual(await glob("tree/*.md"), ["README.md"]);
    assert.deepEqual(await glob("tree/no*thing"), []);
  });

  test("expands relative to a root, and leaves out what is excluded", async () => {
    assert.deepEqual(await glob("**/*.ts", { root: "/home/app/tree" }), ["src/a.ts", "src/deep/c.ts"]);
    assert.deepEqual(await glob("**/*.ts", { root: "/home/app/tree", exclude: ["src/deep"] }), ["src/a.ts"]);
    assert.deepEqual(await glob("src/*", { root: "/home/app/tree", includeDirs: false }), ["src/a.ts", "src/b.js"]);
    assert.deepEqual(await glob("src/*", { root: "/home/app/tree" }), ["src/a.ts", "src/b.js", "src/deep"]);
  });

  test("reads patterns as the options say", async () => {
    const root = "/home/app/tree";
    assert.deepEqual(await glob("src/@(a|b).+(ts|js)", { root }), ["src/a.ts", "src/b.js"]);
    assert.deepEqual(await glob("src/@(a|b).ts", { root, extended: false }), []);
    assert.deepEqual(await glob("**/*.ts", { root, globstar: false }), ["src/a.ts"]);
    assert.deepEqual(await glob("src/deep/er/*.ts", { root }), []);
    assert.deepEqual(await glob("src/deep/er/*.ts", { root, caseInsensitive: true }), ["src/deep/er/D.TS"]);
    const through = await glob("link/*.ts", { root, followSymlinks: true, canonicalize: false });
    assert.ok(through.includes("link/a.ts") || through.includes("src/a.ts"), String(through));
    await glob("link/*.ts", { root, followSymlinks: true, canonicalize: true });
  });
}
