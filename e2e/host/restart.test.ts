/** What remains of machines when the control plane's process dies, and how it is handled. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OWNER, shell } from "@sandkeep/host/testing";
import { openHost, processesLeft, processesNaming } from "./fixture.ts";

test("after kill -9 the next host takes over what is to be kept, and removes every other process, file and socket", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
  try {
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv.filter((arg) => arg.startsWith("--conditions")),
        fileURLToPath(new URL("doomed.ts", import.meta.url)),
        dataDir,
      ],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const said = await Promise.race([once(createInterface({ input: child.stdout }), "line"), once(child, "exit")]);
    assert.deepEqual(said, ["ready"]);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok((await processesNaming(`${dataDir}/run/`)).size > 2, "machines survive the process that made them");

    const host = await openHost(dataDir);
    const [kept, ...others] = await host.adopt(OWNER, ["sbx_kept", "sbx_unknown", "sbx_theirs"]);
    assert.equal(kept!.id, "sbx_kept");
    assert.equal(others.length, 0);
    assert.equal(await shell(kept!, "cat /home/app/note; cat /dev/shm/note"), "on disk\nin memory");
    assert.equal(await shell(kept!, "pgrep -c -f 'sleep 12345'"), "1", "its processes run on");
    assert.ok((await kept!.guest.call("processList", {})).some(({ command }) => command === "sleep"));

    // It kept its volume, with which everything can be done; that of the other machine is free.
    assert.equal((await host.storage.facts("vol_kept")).machine, "sbx_kept");
    assert.equal((await host.storage.facts("vol_session")).machine, null);
    await host.storage.snapshotVolume("vol_kept", "snap");
    await shell(kept!, "echo more >> /data/note");
    await kept!.attach({ id: "other", volume: "vol_session", readOnly: false, mount: "/other" });
    assert.equal(await shell(kept!, "cat /data/note /other/note"), "synced\nmore\nsynced");
    await kept!.detach("data");
    for await (const { disk, state, detail } of host.storage.verify())
      if (disk !== "vol_session") assert.equal(state, "fine", detail);

    const usage = await kept!.usage();
    assert.ok(usage.cpuSeconds > 0 && usage.memoryMiBSeconds > 1_280, JSON.stringify(usage));

    // The other owner's machine was left alone until that owner, or its successor, asks for it.
    const [theirs, ...more] = await host.adopt(OWNER, ["sbx_theirs"], "cp_other");
    assert.deepEqual([theirs!.id, more.length], ["sbx_theirs", 0]);
    assert.equal(await shell(theirs!, "echo fine"), "fine");
    assert.equal(await shell(kept!, "echo fine"), "fine");

    await host.close();
    assert.deepEqual(await processesLeft(`${dataDir}/run/`), []);
    assert.deepEqual(await readdir(join(dataDir, "run")), []);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test("a second host on the same folder is refused while the first lives", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "sk-host-"));
  const host = await openHost(dataDir, 0);
  try {
    await assert.rejects(openHost(dataDir), /Another Sandkeep server uses this data directory/);
  } finally {
    await host.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
