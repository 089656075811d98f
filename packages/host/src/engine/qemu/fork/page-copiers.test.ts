import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startTicks } from "@sandkeep/common";
import { PageCopiers } from "./page-copiers.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-copiers-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const ORDER = { memory: "/memory", from: { file: "/from" }, to: { file: "/to" } };

/** Says how many pages it has copied: its pid. */
const agent = join(dir, "agent");
writeFileSync(
  agent,
  `#!/bin/sh
echo '{}'
while read -r order; do
  case "$order" in
    *fail*) echo '{"error":"no such process"}' ;;
    *) echo "{\\"result\\":{\\"pages\\":$$,\\"bytes\\":0,\\"ms\\":0}}" ;;
  esac
done
`,
  { mode: 0o755 },
);

async function pidOf(copiers: PageCopiers, order = ORDER): Promise<number> {
  await using lent = copiers.lend();
  return (await lent.copier.copy(order)).pages;
}

test("one task after another has the same program, also after one that failed; tasks at the same time have their own", async () => {
  await using copiers = new PageCopiers(agent);
  const first = await pidOf(copiers);
  await assert.rejects(pidOf(copiers, { ...ORDER, memory: "/fail" }), /no such process/);
  assert.equal(await pidOf(copiers), first);
  const [one, two] = await Promise.all([pidOf(copiers), pidOf(copiers)]);
  assert.notEqual(one, two);
  assert.ok([one, two].includes(first));
  // Only one of them waits now.
  const left = await pidOf(copiers);
  const other = left === one ? two : one;
  while (startTicks(other) !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a program that has ended, or does not answer, is nobody's any more", async () => {
  await using copiers = new PageCopiers(agent);
  const first = await pidOf(copiers);
  process.kill(first, "SIGKILL");
  // Until this process has learned of its end.
  while (existsSync(`/proc/${first}`)) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await pidOf(copiers);
  assert.notEqual(second, first);
  {
    await using lent = copiers.lend();
    process.kill(second, "SIGSTOP");
    lent.copier.copy(ORDER).catch(() => {});
    await new Promise(setImmediate);
  }
  assert.equal(startTicks(second), undefined);
  assert.notEqual(await pidOf(copiers), second);
});

test("none is left when they are not needed any more, also if one is lent at that time", async () => {
  const copiers = new PageCopiers(agent);
  const waiting = await pidOf(copiers);
  await copiers[Symbol.asyncDispose]();
  assert.equal(startTicks(waiting), undefined);
  assert.equal(startTicks(await pidOf(copiers)), undefined);
});
