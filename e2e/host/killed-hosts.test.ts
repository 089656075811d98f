/**
 * A host that is killed while it forks, pauses or resumes a machine: in the next, the machine goes on, nothing of it is lost,
 * and it is there once. More rounds, other moments: `SANDKEEP_CRASH_ROUNDS`, `SANDKEEP_CRASH_SEED`.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Random } from "@sandkeep/egress/testing";
import { OWNER } from "@sandkeep/host/testing";
import { countBeyond, openHost, processesLeft, processesNaming } from "./fixture.ts";

const ROUNDS = Number(process.env.SANDKEEP_CRASH_ROUNDS || 9);
const SEED = Number(process.env.SANDKEEP_CRASH_SEED || 9);
/** What is disturbed, and how long it takes, in milliseconds. */
const TURNS = [
  ["fork", 500],
  ["pause", 150],
  ["resume", 350],
] as const;
/** Each fork and each pause adds a layer to a machine's disk, which may have 64. */
const ROUNDS_PER_MACHINE = 15;
/** Longest time for a round on a busy computer, in milliseconds. */
const ROUND_MS = 30_000;

interface Found {
  running: string[];
  paused: string[];
  note: string;
  count: number;
}

test("a machine whose hosts are killed at any moment of its forks, pauses and resumes goes on in the next", {
  timeout: ROUNDS * ROUND_MS,
}, async (context) => {
  const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
  const random = new Random(SEED);
  const found = { running: 0, paused: 0 };
  let last = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const isNew = round % ROUNDS_PER_MACHINE === 0;
      const [turn, longestMs] = TURNS[round % TURNS.length]!;
      const afterMs = random.between(0, longestMs);
      const { running, paused, note, count } = await killedDuring(turn, afterMs, [
        dataDir,
        ...(isNew ? [] : [`${last}`]),
      ]);
      const told = `round ${round}, which ended ${afterMs} ms after the beginning of a ${turn}`;
      last = count;
      if (isNew) continue;
      assert.deepEqual([...running, ...paused], ["sbx_kept"], told);
      assert.equal(note, "disk", told);
      found[running.length > 0 ? "running" : "paused"]++;
    }
    const host = await openHost(dataDir, 0);
    const [running] = await host.adopt(OWNER, ["sbx_kept"]);
    const machine = running ?? (await host.resume({ id: "sbx_kept", owner: OWNER, keep: false }));
    await countBeyond(machine, last);
    await machine.destroy();
    await host.close();
    assert.deepEqual(await processesLeft(`${dataDir}/`), []);
    for (const folder of ["run", "paused"]) assert.deepEqual(await readdir(join(dataDir, folder)), []);
    context.diagnostic(`found running ${found.running} times, paused ${found.paused} times`);
  } finally {
    for (const pid of (await processesNaming(`${dataDir}/`)).keys()) process.kill(pid, "SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** Runs a host that is killed after it began something. @returns what it had found */
async function killedDuring(turn: string, afterMs: number, args: string[]): Promise<Found> {
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv.filter((arg) => arg.startsWith("--conditions")),
      fileURLToPath(new URL("doomed-turns.ts", import.meta.url)),
      ...args,
    ],
    {
      env: { ...process.env, NODE_COMPILE_CACHE: join(args[0]!, "compile-cache") },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const said = await linesUntil(child, turn);
  await delay(afterMs);
  assert.equal(child.exitCode, null, `the host ended by itself after a ${turn} began`);
  child.kill("SIGKILL");
  await once(child, "exit");
  return JSON.parse(said[0]!) as Found;
}

async function linesUntil(child: ChildProcess, wanted: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === wanted) return lines;
    lines.push(line);
  }
  throw new Error(`The host ended without a ${wanted}; it said: ${lines.join(", ") || "nothing"}`);
}
