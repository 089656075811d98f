/** Servers that are killed while their proxies start. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { findStarted } from "@sandkeep/jail";
import { openProxies } from "./testing/open-proxies.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-left-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const folder = join(dir, "ports");

const pidsOf = async () => {
  const isOurs = (word: string) => word.startsWith(`host_1:${folder}/`);
  return (await findStarted(basename(process.execPath), (words) => words.some(isOurs))).map(({ pid }) => pid);
};

/** Starts a server in a process of its own. */
function startServer() {
  const module = JSON.stringify(new URL("./testing/open-proxies.ts", import.meta.url).href);
  const code = `
    import { openProxies } from ${module};
    openProxies(${JSON.stringify(dir)}, {});
    setInterval(() => {}, 1_000_000);`;
  const flags = process.execArgv.filter((flag) => /^--(conditions|disable-warning)/.test(flag));
  return spawn(process.execPath, [...flags, "--input-type=module", "--eval", code], { stdio: "ignore" });
}

test("the next server ends what is left of their proxies, in the middle of their jail's set-up too, and only that", async (t) => {
  // In every round a little later.
  for (let turns = 1; turns <= 64; turns *= 8) {
    const server = startServer();
    while ((await pidsOf()).length === 0) assert.equal(server.exitCode, null);
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
  }
  // As one whose jail was never set up.
  const spawned = ["host_1:", "host_2:", "", "host_1:/mnt"].map((prefix) =>
    spawn("perl", ["-e", "sleep 1000", prefix + join(folder, "0")], { stdio: "ignore" }),
  );
  const [stuck, ...others] = spawned;
  t.after(() => spawned.map((child) => child.kill("SIGKILL")));
  const exited = once(stuck!, "exit");
  await Promise.all(spawned.map((child) => once(child, "spawn")));
  await using proxies = openProxies(dir, {});
  await exited;
  while (proxies.pids.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const [pid] = proxies.pids;
  const left = await pidsOf();
  assert.ok(left.includes(pid!), "its own proxy lives");
  // Itself, and the processes of bubblewrap around it.
  assert.ok(left.length <= 3, String(left));
  const signals = others.map(({ signalCode }) => signalCode);
  assert.deepEqual(signals, [null, null, null], "those of servers with such a folder elsewhere live");
});
