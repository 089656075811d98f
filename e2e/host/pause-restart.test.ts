/** A host that is killed while it pauses or resumes a machine: the machine runs or is paused, and goes on. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OWNER, shell } from "@sandkeep/host/testing";
import { openHost, processesLeft } from "./fixture.ts";

/** When the host is killed after it began a pause or a resumption. The steps are in `machines/paused.ts`. */
const MOMENTS: { during: "pause" | "resume"; afterMs: number }[] = [
  { during: "pause", afterMs: 40 },
  { during: "pause", afterMs: 110 },
  { during: "resume", afterMs: 80 },
  { during: "resume", afterMs: 260 },
];

test("a machine that was being paused or resumed when its host was killed runs or is paused, and goes on", async () => {
  for (const { during, afterMs } of MOMENTS) {
    const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
    try {
      await killedDuring(dataDir, during, afterMs);
      const what = `killed ${afterMs} ms after the beginning of a ${during}`;
      const host = await openHost(dataDir, 0);
      const adopted = await host.adopt(OWNER, ["sbx_kept"]);
      const paused = await host.paused(OWNER);
      assert.deepEqual([...adopted.map(({ id }) => id), ...paused], ["sbx_kept"], what);
      const kept = adopted[0] ?? (await host.resume({ id: "sbx_kept", owner: OWNER, keep: true }));
      assert.equal(await shell(kept, "cat /home/app/note"), "disk");
      const counts = 'first=$(cat /dev/shm/count); until [ "$(cat /dev/shm/count)" -gt "$first" ]; do sleep 0.05; done';
      assert.equal(await shell(kept, `${counts}; echo it counts`), "it counts", what);
      await host.pause("sbx_kept");
      const again = await host.resume({ id: "sbx_kept", owner: OWNER, keep: true });
      assert.equal(await shell(again, `${counts}; echo it counts`), "it counts", what);
      await host.close();
      assert.deepEqual(await processesLeft(`${dataDir}/`), []);
      for (const folder of ["run", "paused"]) assert.deepEqual(await readdir(join(dataDir, folder)), [], folder);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }
});

/** Runs a host that pauses and resumes a machine, and kills it at its second time. */
async function killedDuring(dataDir: string, during: string, afterMs: number): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv.filter((arg) => arg.startsWith("--conditions")),
      fileURLToPath(new URL("doomed-pauses.ts", import.meta.url)),
      dataDir,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let times = 0;
  for await (const line of createInterface({ input: child.stdout })) if (line === during && ++times === 2) break;
  await delay(afterMs);
  child.kill("SIGKILL");
  await once(child, "exit");
}
