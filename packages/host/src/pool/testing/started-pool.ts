/** FOR TESTS ONLY: a warm pool with a fake engine. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import type { FakeEngine } from "../../engine/testing/fake-engine.ts";
import { fakeRoot } from "../../engine/testing/fake-root.ts";
import { Pool } from "../pool.ts";
import { CLONE_MIB, HEAT_MIB } from "../targets.ts";

/** For two clones and no process: those come first, however busy the computer is. */
export const BUDGET_MIB = Math.ceil((2 * (CLONE_MIB + HEAT_MIB / 3)) / 0.98);
/** For three clones, one of them hot. */
export const HOT_BUDGET_MIB = Math.ceil((3 * (CLONE_MIB + HEAT_MIB / 3)) / 0.98);
/** Long, because a computer that runs other tests is slow. */
const PATIENCE_MS = 60_000;

export interface StartedPool extends AsyncDisposable {
  pool: Pool;
  /** Folders of its machines. */
  folders(): string[];
}

export function start(
  engine: FakeEngine,
  budgetMiB = BUDGET_MIB,
  busy = () => false,
  fits = (_neededMiB: number) => true,
): StartedPool {
  const runDir = mkdtempSync(join(tmpdir(), "sk-pool-"));
  const root = fakeRoot();
  const template = { root, size: { memoryMiB: 1280, vcpus: 2 }, files: engine.templateFiles("/templates/one", true) };
  const pool = new Pool({
    engine,
    template,
    kind: "usual",
    runDir,
    budgetMiB,
    caCertificates: [],
    log: silentLogger,
    busy,
    fits,
  });
  return {
    pool,
    folders: () => readdirSync(runDir),
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      rmSync(runDir, { recursive: true, force: true });
    },
  };
}

export async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !condition(); ) {
    assert.ok(Date.now() < deadline, "did not happen in time");
    await delay(5);
  }
}
