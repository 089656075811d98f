import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { GoCounter } from "./go-counter.ts";
import { runTestFile } from "./node-file.ts";
import { nodeSuite } from "./node-suite.ts";
import { sum, summaryLine } from "./outcome.ts";
import { retryFailed } from "./retry.ts";
import { LONE_E2E_FILES, LONG_E2E_FILES } from "./suites.ts";

const dir = mkdtempSync(join(tmpdir(), "sandkeep-runner-"));
after(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a test file with this text. */
async function run(text: string, timeoutMs = 20_000) {
  const file = join(dir, `${Math.random().toString(36).slice(2)}.ts`);
  writeFileSync(file, `import { describe, test } from "node:test"; import assert from "node:assert/strict"; ${text}`);
  return await runTestFile(dir, file, timeoutMs);
}

test("counts tests, not suites, and names what failed", async () => {
  const { outcome, text } = await run(`
    describe("group", () => { test("good", () => {}); test("bad", () => assert.equal(1, 2)); });
    test("another", () => {});`);
  assert.deepEqual(outcome, { passed: 2, failed: 1 });
  assert.match(text, /✘ group › bad\n[\s\S]*1 !== 2/);
  assert.doesNotMatch(text, /good/);
});

test("a skipped test has not passed", async () => {
  const { outcome, text } = await run('test("a", () => {}); test("later", { skip: true }, () => {});');
  assert.deepEqual(outcome, { passed: 1, failed: 0 });
  assert.match(text, /- later \(skipped\)/);
});

test("dying is a failure, with the last words shown", async () => {
  const thrown = await run('test("a", () => {}); throw new Error("at load");');
  assert.ok(thrown.outcome.failed > 0);
  assert.match(thrown.text, /at load/);
  const exited = await run('test("a", () => process.exit(0));');
  assert.deepEqual(exited.outcome, { passed: 0, failed: 1 });
  const killed = await run('test("a", () => process.kill(process.pid, "SIGKILL"));');
  assert.deepEqual(killed.outcome, { passed: 0, failed: 1 });
  assert.match(killed.text, /a signal/);
});

test("no tests are a failure", async () => {
  assert.deepEqual((await run("void describe; void test; void assert;")).outcome, { passed: 0, failed: 1 });
});

test("something left open after the last test is a failure", async () => {
  const { outcome, text } = await run('test("a", () => void setInterval(() => {}, 1000));', 1_500);
  assert.ok(outcome.failed > 0);
  assert.match(text, /did not end within 1\.5 s/);
});

test("Go's tests are counted by their leaves; a package that does not build is a failure", () => {
  let shown = "";
  const events = (code: number, ...lines: object[]) => {
    const counter = new GoCounter((text) => (shown += text));
    for (const line of lines) counter.line(JSON.stringify(line));
    return counter.outcome(code);
  };
  const pass = (Test: string) => ({ Action: "pass", Package: "p", Test });
  const fail = (Test: string) => ({ Action: "fail", Package: "p", Test });
  assert.deepEqual(events(0, pass("A/x"), pass("A/y"), pass("A"), pass("B"), { Action: "pass", Package: "p" }), {
    passed: 3,
    failed: 0,
  });
  assert.deepEqual(
    events(1, pass("A/x"), { Action: "output", Package: "p", Test: "A/y", Output: "why\n" }, fail("A/y"), fail("A"), {
      Action: "fail",
      Package: "p",
    }),
    { passed: 1, failed: 1 },
  );
  assert.match(shown, /✘ p A\/y\nwhy/);
  assert.deepEqual(
    events(1, pass("A/x"), fail("A"), { Action: "fail", Package: "p" }),
    { passed: 1, failed: 1 },
    "the parent itself failed",
  );
  assert.deepEqual(events(1, { Action: "fail", Package: "p" }), { passed: 0, failed: 1 });
  assert.deepEqual(events(2), { passed: 0, failed: 1 }, "nothing ran");
  assert.deepEqual(
    events(2, pass("A"), { Action: "pass", Package: "p" }),
    { passed: 1, failed: 1 },
    "Go itself failed",
  );
});

test("what failed is run once more, alone; what passes then is flaky", async () => {
  const flakyDir = mkdtempSync(join(dir, "flaky-"));
  const marks = join(flakyDir, "ran-before");
  const file = (name: string, text: string) =>
    writeFileSync(join(flakyDir, name), `import { test } from "node:test"; import fs from "node:fs"; ${text}`);
  file("good.test.ts", 'test("good", () => {});');
  file("bad.test.ts", 'test("bad", () => { throw new Error("always"); });');
  file(
    "moody.test.ts",
    `test("moody", () => { if (!fs.existsSync(${JSON.stringify(marks)})) { fs.writeFileSync(${JSON.stringify(marks)}, ""); throw new Error("first"); } });`,
  );
  const outcome = await nodeSuite(
    { root: flakyDir, only: [], say: () => {} },
    { patterns: ["*.test.ts"], concurrency: 2, fileTimeoutMs: 20_000 },
  );
  assert.deepEqual(outcome, { passed: 2, failed: 1, flaky: ["moody.test.ts"] });
});

test("long files start first, and lone ones run when all others have ended", async () => {
  const laneDir = mkdtempSync(join(dir, "lanes-"));
  const log = join(laneDir, "log");
  for (const name of ["a-lone", "b", "c", "d-long"]) {
    writeFileSync(
      join(laneDir, `${name}.test.ts`),
      `import { test } from "node:test"; import fs from "node:fs";
       const say = (what) => fs.appendFileSync(${JSON.stringify(log)}, what + " ${name}\\n");
       test("one", async () => { say("begin"); await new Promise((later) => setTimeout(later, 5)); say("end"); });`,
    );
  }
  const outcome = await nodeSuite(
    { root: laneDir, only: [], say: () => {} },
    {
      patterns: ["*.test.ts"],
      concurrency: 1,
      first: ["d-long.test.ts"],
      alone: ["a-lone.test.ts"],
      fileTimeoutMs: 20_000,
    },
  );
  assert.deepEqual(outcome, { passed: 4, failed: 0 });
  const order = ["d-long", "b", "c", "a-lone"].flatMap((name) => [`begin ${name}`, `end ${name}`]);
  assert.equal(readFileSync(log, "utf8").trim(), order.join("\n"));
});

test("the files that the end-to-end suite names exist", () => {
  for (const file of [...LONG_E2E_FILES, ...LONE_E2E_FILES])
    assert.ok(existsSync(new URL(`../../${file}`, import.meta.url)), file);
});

test("many failures are not run again", async () => {
  const attempts = Array.from({ length: 6 }, (_, i) => ({ name: `${i}`, outcome: { passed: 0, failed: 1 } }));
  const outcomes = await retryFailed(attempts, () => assert.fail("run again"));
  assert.equal(sum(outcomes).failed, 6);
});

test("the last line is what other programs read", () => {
  assert.equal(
    summaryLine(
      sum([
        { passed: 1, failed: 0 },
        { passed: 2, failed: 3 },
      ]),
    ),
    "3 passed, 3 failed",
  );
});
