/** The server in the background, and the one in the foreground. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Installation } from "./installation.ts";

const alive = (pid: number) => existsSync(`/proc/${pid}`);
const state = async (installation: Installation) =>
  JSON.parse(await readFile(join(installation.dataDir, "server.json"), "utf8")) as {
    pid: number;
    sandboxEndpoint: string;
  };
/** QEMU processes that belong to an installation. */
const machines = (installation: Installation) =>
  readdirSync("/proc").filter((name) => {
    try {
      return (
        /^\d+$/.test(name) &&
        new RegExp(`qemu.*${installation.dataDir}`, "s").test(readFileSync(`/proc/${name}/cmdline`, "utf8"))
      );
    } catch {
      return false; // It ended meanwhile.
    }
  });

test("without a server there are no sandboxes, and commands about them say so", async () => {
  await using installation = await Installation.create();
  const { code, stdout, stderr } = await installation.call(["list"]);
  assert.deepEqual(
    { code, stdout, stderr },
    { code: 0, stdout: "", stderr: "no sandboxes, and no server on this machine\n" },
  );
  assert.equal((await installation.call(["kill", "--all"])).code, 7);
  assert.deepEqual(await installation.json(["stop"]), { stopped: false });
});

test("the server in the background ends when it was idle, with everything that is its", async () => {
  await using installation = await Installation.create({ SANDKEEP_IDLE_EXIT: "3s" });
  await installation.output(["run", "--", "true"]);
  const { pid } = await state(installation);
  const deadline = Date.now() + 60_000;
  while (alive(pid) && Date.now() < deadline) await wait(100);
  assert.ok(!alive(pid), "it ended by itself");
  assert.deepEqual(machines(installation), []);
  assert.ok(!existsSync(join(installation.dataDir, "server.json")));
  assert.equal(
    await installation.output(["run", "-q", "--", "echo", "again"]),
    "again\n",
    "the next command starts another",
  );
});

test("stop ends the server and its sandboxes; after a kill -9 the next command starts anew", async () => {
  await using installation = await Installation.create();
  const id = (await installation.output(["create"])).trim();
  const { pid } = await state(installation);
  process.kill(pid, "SIGKILL");
  assert.equal((await installation.call(["exec", id, "true"])).code, 125, "nobody there");
  await installation.output(["run", "--", "true"]);
  assert.notEqual((await state(installation)).pid, pid);
  assert.equal(await installation.output(["exec", id, "echo", "adopted"]), "adopted\n");
  assert.match(await installation.output(["stop"]), /stopped/);
  assert.deepEqual(machines(installation), []);
});

test("serve writes its ready file, refuses to run twice, and stops on SIGTERM", async () => {
  await using installation = await Installation.create();
  const ready = join(installation.dir, "ready.json");
  const server = installation.start(["serve", "--port", "0", "--ready-file", ready, "--log-level", "warn"]);
  const ended = once(server, "exit");
  while (!existsSync(ready)) await Promise.race([wait(50), ended.then(() => assert.fail("the server ended"))]);
  const { sandboxEndpoint, apiEndpoint, token, caFile } = JSON.parse(await readFile(ready, "utf8")) as Record<
    string,
    string | null
  >;
  assert.match(sandboxEndpoint!, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(apiEndpoint, sandboxEndpoint);
  assert.match(token!, /^ddo_/);
  assert.equal(caFile, null);

  const second = await installation.call(["serve"]);
  assert.equal(second.code, 5);
  assert.match(second.stderr, /ALREADY_RUNNING/);
  assert.equal(await installation.output(["run", "--", "echo", "found it"]), "found it\n");

  server.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

test("doctor finds nothing essential missing here, and names the acceleration and why", async () => {
  await using installation = await Installation.create();
  const { verdict, findings } = await installation.json<{
    verdict: string;
    findings: { name: string; verdict: string; detail: string }[];
  }>(["doctor"]);
  assert.notEqual(verdict, "fail", JSON.stringify(findings.filter((finding) => finding.verdict === "fail")));
  assert.match(findings.find(({ name }) => name === "acceleration")!.detail, /kvm|emulation/i);
});
