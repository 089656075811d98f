import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { JailedProxy } from "./jailed-proxy.ts";

const CODE = { paths: [process.execPath], libraries: [], packages: [], links: {}, hooks: null };

test("a server that is out of descriptors says so, and lives on", () => {
  const module = JSON.stringify(new URL("./jailed-proxy.ts", import.meta.url).href);
  const code = `
    import { closeSync, openSync } from "node:fs";
    import { JailedProxy } from ${module};
    const open = [];
    try { for (;;) open.push(openSync("/dev/null")); } catch {}
    // Enough to look at its own rights, too few for the streams of a process.
    closeSync(open.pop());
    closeSync(open.pop());
    const options = { hostId: "host_1", kind: "full", code: ${JSON.stringify(CODE)}, ports: "/nonexistent", user: null, filter: null };
    const outcome = await JailedProxy.start(options).then(() => "started", (error) => error.code);
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

test("a proxy that is killed at any moment of its start ends, and leaves no process behind", async () => {
  const ports = mkdtempSync(join(tmpdir(), "sk-killed-"));
  // Processes that have not entered the jail yet have it.
  process.env.SANDKEEP_TEST_MARK = ports;
  try {
    for (let turns = 0; turns < 12; turns++) {
      const proxy = await JailedProxy.start({
        hostId: "host_1",
        kind: "full",
        code: CODE,
        ports,
        user: null,
        filter: null,
      });
      proxy.control.on("error", () => {});
      for (let turn = 0; turn < 2 ** turns; turn++) await new Promise(setImmediate);
      proxy.kill();
      await proxy.ended;
    }
    assert.deepEqual(processesWith(`SANDKEEP_TEST_MARK=${ports}`), []);
  } finally {
    delete process.env.SANDKEEP_TEST_MARK;
    rmSync(ports, { recursive: true });
  }
});

/** Pids of processes that were started with something in their environment. */
function processesWith(text: string): number[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(text);
    } catch {
      // It has ended, or is another user's.
      return false;
    }
  });
}
