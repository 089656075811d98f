/** Compiles and runs every example in the SDK's documentation, unchanged, against a real server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findExamples } from "./harness/examples.ts";
import { startForClients } from "./harness/server.ts";

/** Number of examples at a time: each mostly waits for its own sandbox. */
const CONCURRENCY = 2;
const HERE = fileURLToPath(new URL(".", import.meta.url));
const TSC = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
/** Examples of features planned for a later version: they compile, but cannot run yet. */
const LATER = /src\/(apps\/|deno\/deno\.ts|sandbox\/(sandbox|vscode)\.ts)/;

// Beside this file, so that packages are found.
const folder = mkdtempSync(join(HERE, ".examples-"));
// Files that examples write on this computer are removed with it.
process.env.TMPDIR = folder;
const examples = findExamples().map((example, index) => ({ ...example, file: join(folder, `example-${index}.ts`) }));
for (const { file, code } of examples) writeFileSync(file, code);
// An example may create something it does not use, such as a sandbox whose options it shows.
const compilerOptions = { noUnusedLocals: false };
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"] }),
);

let server: AsyncDisposable;
before(async () => {
  server = await startForClients();
});
after(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("there are examples, and only those of a later version are not run", () => {
  assert.ok(examples.length > 60, String(examples.length));
  assert.deepEqual(
    examples.filter(({ ignored, place }) => ignored && !LATER.test(place)).map(({ place }) => place),
    [],
  );
});

test("examples compile", () => {
  try {
    execFileSync(process.execPath, [TSC, "--noEmit", "-p", folder], { encoding: "utf8" });
  } catch (error) {
    const { stdout } = error as { stdout: string };
    assert.fail(stdout.replaceAll(/\S*example-(\d+)\.ts/g, (_, index: string) => examples[Number(index)]!.place));
  }
});

describe("examples run", { concurrency: CONCURRENCY }, () => {
  for (const { place, file, ignored } of examples) {
    if (!ignored) test(place, async () => void (await import(pathToFileURL(file).href)));
  }
});
