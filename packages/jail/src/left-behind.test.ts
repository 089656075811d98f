import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { endAll, findStarted } from "./left-behind.ts";

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

async function start(file: string, args: string[]): Promise<ChildProcess> {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  await once(child.stdout!, "data");
  return child;
}

test("what was being started is found by its command line and ended; what another program calls itself is not", async () => {
  // A word that no other process has.
  const word = `/nowhere/${process.pid}/`;
  const script = '$| = 1; print "."; sleep 1000';
  const [launcher, program, other] = await Promise.all([
    start("perl", ["-e", script, `${word}0`]),
    start(process.execPath, ["-e", "console.log(); setInterval(() => {}, 1e6)", `${word}1`]),
    // Prints the name of the first file.
    start("tail", ["-f", "/dev/null", `${word}2`]),
  ]);
  const found = await findStarted("node", (words) => words.some((text) => text.startsWith(word)));
  assert.deepEqual(found.map(({ pid }) => pid).sort(), [launcher.pid, program.pid].sort());
  const ended = [launcher, program].map((child) => once(child, "exit"));
  await endAll(found);
  await Promise.all(ended);
  await endAll(found);
  assert.equal(other.exitCode, null);
});
