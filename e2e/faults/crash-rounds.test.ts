/**
 * Rounds in which machines, the server or everything is killed at a random moment, while sandboxes write to volumes and
 * users do what they do with them. Afterwards everything that was confirmed is there, and nothing is left over.
 *
 *   SANDKEEP_CRASH_ROUNDS   how many rounds (default 50)
 *   SANDKEEP_CRASH_FIRST    the first one's number (default 0), to begin shortly before a round that failed
 *   SANDKEEP_CRASH_SEED     a whole number; otherwise always the same
 *   SANDKEEP_CRASH_KEEP     if set, the data folder is kept when a round fails
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { processesLeft } from "../host/fixture.ts";
import { CrashRounds, ROUND_MS, ROUNDS_PER_AUDIT } from "./crash/rounds.ts";

const { env } = process;
const ROUNDS = Number(env.SANDKEEP_CRASH_ROUNDS || 50);
const FIRST = Number(env.SANDKEEP_CRASH_FIRST || 0);
const SEED = Number(env.SANDKEEP_CRASH_SEED || 20_261_130);

test("whatever is killed at whatever moment, what was confirmed is there and nothing is left over", {
  timeout: ROUNDS * ROUND_MS,
}, async (context) => {
  const dataDir = await mkdtemp(join(tmpdir(), "sk-crash-"));
  const rounds = await CrashRounds.start(dataDir, SEED);
  let passed = false;
  try {
    for (let round = FIRST; round < FIRST + ROUNDS; round++) {
      await rounds.round(round);
      if ((round + 1) % ROUNDS_PER_AUDIT === 0) console.log(`after round ${round}: ${rounds.summary}`);
    }
    await rounds.stop();
    assert.deepEqual(await processesLeft(dataDir), []);
    assert.deepEqual(await readdir(join(dataDir, "run")), []);
    for (const folder of ["records", "layers"]) assert.deepEqual(await readdir(join(dataDir, "disks", folder)), []);
    passed = true;
  } finally {
    await rounds.abandon();
    if (passed || !env.SANDKEEP_CRASH_KEEP) await rm(dataDir, { recursive: true, force: true });
    else console.log(`kept: ${dataDir}`);
  }
  context.diagnostic(rounds.summary);
});
