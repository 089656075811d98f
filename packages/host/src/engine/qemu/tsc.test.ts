import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { tscFrequencyKHz } from "./tsc.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-tsc-"));
after(() => rmSync(dir, { recursive: true, force: true }));

let next = 0;

/** An agent that measures this. */
function measuring(output: string): string {
  const path = join(dir, `agent-${next++}`);
  writeFileSync(path, `#!/bin/sh\n[ "$1" = -tsc-frequency ] && echo "${output}"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Files with these values; null: there is none yet. */
function remembered(...values: (string | null)[]) {
  const files = values.map(() => join(dir, `khz-${next++}`));
  for (const [n, value] of values.entries()) if (value !== null) writeFileSync(files[n]!, value);
  return { files, read: () => files.map((file) => readFileSync(file, "utf8")) };
}

test("a value is kept while measurements differ only a little, and replaced when they differ more", async () => {
  const { files, read } = remembered(null);
  assert.equal(await tscFrequencyKHz(measuring("2300000"), files), 2_300_000);
  assert.equal(await tscFrequencyKHz(measuring("2300002"), files), 2_300_000);
  assert.equal(await tscFrequencyKHz(measuring("3100000"), files), 3_100_000);
  assert.deepEqual(read(), ["3100000"]);
});

test("a host takes over the value of those with which it shares templates, unless it has one that fits", async () => {
  const fresh = remembered(null, "2299998");
  assert.equal(await tscFrequencyKHz(measuring("2300000"), fresh.files), 2_299_998);
  assert.deepEqual(fresh.read(), ["2299998", "2299998"]);
  const own = remembered("2300001", "2299998");
  assert.equal(await tscFrequencyKHz(measuring("2300000"), own.files), 2_300_001);
  assert.deepEqual(own.read(), ["2300001", "2299998"]);
  const first = remembered(null, null);
  assert.equal(await tscFrequencyKHz(measuring("2300000"), first.files), 2_300_000);
  assert.deepEqual(first.read(), ["2300000", "2300000"]);
});

test("a program that measures nothing is named", async () => {
  await assert.rejects(tscFrequencyKHz(measuring("fast"), []), /agent-\d+ measured a frequency of "fast"/);
});
