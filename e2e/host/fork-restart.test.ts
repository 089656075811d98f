/** A host that is killed while it forks a machine: the machine goes on, and nothing is left of the children. */
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

/** When the host is killed after it began its second fork: while it prepares, while the machine is paused, and later. */
const MOMENTS_MS = [10, 80, 160, 300];

test("a machine that was being forked when its host was killed goes on, alone", async () => {
  for (const moment of MOMENTS_MS) {
    const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
    try {
      const child = spawn(
        process.execPath,
        [
          ...process.execArgv.filter((arg) => arg.startsWith("--conditions")),
          fileURLToPath(new URL("doomed-forks.ts", import.meta.url)),
          dataDir,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      for await (const line of createInterface({ input: child.stdout })) if (line === "1") break;
      await delay(moment);
      child.kill("SIGKILL");
      await once(child, "exit");

      const host = await openHost(dataDir, 0);
      const [kept, ...others] = await host.adopt(OWNER, ["sbx_kept"]);
      assert.equal(kept?.id, "sbx_kept", `killed after ${moment} ms`);
      assert.equal(others.length, 0);
      const counted =
        'first=$(cat /dev/shm/count); until [ "$(cat /dev/shm/count)" -gt "$first" ]; do sleep 0.05; done';
      assert.equal(await shell(kept, `${counted} 2> /dev/null; echo it counts`), "it counts");
      const [fork] = await host.fork("sbx_kept", [{ id: "sbx_later", owner: OWNER, env: {}, keep: false }]);
      assert.equal(await shell(fork!, "hostname"), "sbx-later");
      await host.close();
      assert.deepEqual(await processesLeft(`${dataDir}/run/`), []);
      assert.deepEqual(await readdir(join(dataDir, "run")), []);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }
});
