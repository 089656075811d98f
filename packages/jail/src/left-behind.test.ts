import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
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

test("nothing is overlooked because there are no descriptors left", () => {
  const module = JSON.stringify(new URL("./left-behind.ts", import.meta.url).href);
  // All but those that reading a folder takes.
  const code = `
    import { closeSync, openSync } from "node:fs";
    import { readFile } from "node:fs/promises";
    import { findStarted } from ${module};
    await readFile("/dev/null");
    const open = [];
    try { for (;;) open.push(openSync("/dev/null")); } catch {}
    closeSync(open.pop());
    const outcome = await findStarted("node", () => false).then(() => "looked", (error) => error.code);
    for (const fd of open) closeSync(fd);
    console.log(outcome);`;
  const flags = process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag));
  const { stdout, stderr } = spawnSync(
    "prlimit",
    ["--nofile=128", process.execPath, ...flags, "--input-type=module", "--eval", code],
    { encoding: "utf8" },
  );
  assert.equal(stdout.trim(), "EMFILE", stderr);
});
