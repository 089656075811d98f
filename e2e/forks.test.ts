/** Forks and pauses as users have them: our SDK, the command line, and what the platform's own client sees of them. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Client as OfficialClient, Sandbox as OfficialSandbox } from "@deno/sandbox";
import { ApiError, Client, Sandbox } from "sandkeep";
import { Installation } from "./cli/installation.ts";
import { TestAuthority } from "./egress/fixture/authority.ts";
import { startWithUpstreams, WARM_POOL } from "./egress/fixture/installation.ts";
import { Upstream } from "./egress/fixture/upstream.ts";
import { pidOfSandbox } from "./harness/machines.ts";
import { until } from "./harness/poll.ts";
import type { TestServer } from "./harness/server.ts";

/** Time limit of one test, milliseconds. */
const TIMEOUT_MS = 300_000;
const API = "api.test.example";
const VALUE = "sk-live-5c1b0e9df28a47";

/** Counts in memory, and writes down how far it is. */
const COUNTER = `
import os, time
n = 0
while True:
    n += 1
    with open("count.new", "w") as file:
        print(n, os.getpid(), file=file)
    os.rename("count.new", "count")
    time.sleep(0.05)
`;

/** Sends the key that it has had in memory from the start whenever it is asked to. */
const CALLER = `
import os, time, urllib.request
key = os.environ["KEY"]
while True:
    if os.path.exists("go"):
        os.remove("go")
        request = urllib.request.Request("https://${API}/", headers={"authorization": "Bearer " + key})
        with open("answer.new", "w") as file:
            file.write(urllib.request.urlopen(request).read().decode())
        os.rename("answer.new", "answer")
    time.sleep(0.05)
`;

let server: TestServer;
let dataDir: string;
let upstream: Upstream;
let authority: TestAuthority;
let installation: Installation;

async function start(): Promise<void> {
  const hosts = { [API]: `127.0.0.1:${upstream.port}` };
  server = await startWithUpstreams({ hosts, authority, dataDir, config: WARM_POOL });
  Object.assign(process.env, server.env);
}

/** Runs `sandkeep` against the server, and returns what it printed. */
const cli = async (line: string) =>
  (
    await installation.output(line.split(" "), {
      env: { ...server.env, SANDKEEP_TOKEN: server.env.DENO_DEPLOY_TOKEN! },
    })
  ).trim();

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sandkeep-forks-"));
  installation = await Installation.create();
  authority = await TestAuthority.create();
  upstream = await Upstream.start({
    certificate: await authority.issue([API]),
    handler: (request, response) => {
      // Without a length, so that a value can be replaced by its placeholder.
      response.write("you sent ");
      response.end(request.headers.authorization);
    },
  });
  await start();
});
after(async () => {
  await server?.stop();
  await upstream?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
  await installation?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

async function startCounter(sandbox: Sandbox): Promise<void> {
  await sandbox.fs.writeTextFile("count.py", COUNTER);
  await sandbox.spawn("python3", { args: ["count.py"], stdout: "null", stderr: "null" });
  await until("it counts", async () => (await sandbox.sh`test -s count`.noThrow()).status.success);
}

/** Resolves to the process that counts, once it has counted on. */
async function goesOn(sandbox: Sandbox): Promise<string> {
  const read = async () => (await sandbox.fs.readTextFile("count")).trim().split(" ") as [string, string];
  const [before] = await read();
  await until("it counts on", async () => Number((await read())[0]) > Number(before) + 3);
  return (await read())[1];
}

describe("a fork", { timeout: TIMEOUT_MS }, () => {
  test("goes on with what its parent does, and each goes its own way", async () => {
    await using parent = await Sandbox.create();
    await startCounter(parent);
    const children = [await parent.fork(), ...(await parent.fork({ count: 2, labels: { of: "the counter" } }))];
    const pids = await Promise.all([parent, ...children].map(goesOn));
    assert.equal(new Set(pids).size, 1, "the same process");
    assert.equal(new Set([parent, ...children].map(({ id }) => id)).size, 4);
    const names = await Promise.all(
      [parent, ...children].map((sandbox) => sandbox.sh`hostname; echo $SANDBOX_ID`.text()),
    );
    for (const [n, { id }] of [parent, ...children].entries())
      assert.equal(names[n], `${id.replaceAll("_", "-")}\n${id}\n`);
    const labelled = await new Client().sandboxes.list({ labels: { of: "the counter" } });
    assert.equal(labelled.length, 2);

    // They are sessions, as their parent is: each ends with its own connection.
    await children[0]!.close();
    await until("it has ended", async () => (await statusOf(children[0]!.id)) === "stopped");
    await goesOn(children[1]!);
    await Promise.all(children.slice(1).map((child) => child.kill()));
    await goesOn(parent);
  });

  test("uses its parent's secrets: by the placeholder in memory, and by its own; values come back as its own", async () => {
    const secrets = { KEY: { hosts: [API], value: VALUE } };
    await using parent = await Sandbox.create({ allowNet: [API], secrets });
    await parent.fs.writeTextFile("call.py", CALLER);
    await parent.spawn("python3", { args: ["call.py"], stdout: "null", stderr: "null" });
    const parentKey = (await parent.sh`printenv KEY`.text()).trim();
    await using child = await parent.fork();
    const childKey = (await child.sh`printenv KEY`.text()).trim();
    assert.notEqual(childKey, parentKey);

    for (const [sandbox, own] of [
      [child, childKey],
      [parent, parentKey],
    ] as const) {
      const sent = count(upstream.text, VALUE);
      await sandbox.fs.writeTextFile("go", "");
      await until(
        "the process has its answer",
        async () => (await sandbox.sh`test -s answer`.noThrow()).status.success,
      );
      assert.equal(await sandbox.fs.readTextFile("answer"), `you sent Bearer ${own}`);
      assert.equal(count(upstream.text, VALUE), sent + 1, "the upstream got the value");
    }
    assert.equal(
      await child.sh`curl -sS -H "authorization: Bearer $KEY" https://${API}/`.text(),
      `you sent Bearer ${childKey}`,
    );
    // The parent does not know its child's placeholder.
    const before = count(upstream.text, VALUE);
    await parent.sh`curl -sS -H ${`authorization: Bearer ${childKey}`} https://${API}/`.noThrow();
    assert.equal(count(upstream.text, VALUE), before);
    await child.egress.revokeSecret("KEY");
    await parent.sh`curl -sS -H "authorization: Bearer $KEY" https://${API}/`;
    assert.equal(count(upstream.text, VALUE), before + 1, "what is revoked in one is not in the other");
  });

  test("from the command line", async () => {
    const parent = await cli("create --timeout 5m");
    await cli(`exec ${parent} -- touch here`);
    const ids = (await cli(`fork ${parent} --count 2`)).split("\n");
    assert.equal(ids.length, 2);
    for (const id of ids) assert.equal(await cli(`exec ${id} -- ls`), "here");
    assert.match(await cli(`events ${parent}`), new RegExp(`sandbox.forked into ${ids.join(", ")}`));
    assert.equal((await cli(`kill ${parent} ${ids.join(" ")}`)).split("\n").length, 3);
  });
});

describe("a paused sandbox", { timeout: TIMEOUT_MS }, () => {
  test("uses no machine and goes on where it was, also after a restart of the server", async () => {
    const lasting = await Sandbox.create({
      timeout: "10m",
      secrets: { KEY: { hosts: [API], value: VALUE } },
      allowNet: [API],
    });
    const session = await Sandbox.create();
    await Promise.all([startCounter(lasting), startCounter(session)]);
    const pid = await goesOn(lasting);
    const key = (await lasting.sh`printenv KEY`.text()).trim();
    await lasting.pause();
    assert.equal(await cli(`pause ${session.id}`), session.id);
    await session.closed;
    for (const { id } of [lasting, session]) assert.equal(pidOfSandbox(dataDir, id), undefined, "its machine is gone");
    await server.crash();
    await start();

    assert.match(await cli("list"), new RegExp(`${lasting.id} +paused`));
    await using again = await Sandbox.resume(lasting.id);
    assert.equal(await goesOn(again), pid);
    assert.equal((await again.sh`printenv KEY`.text()).trim(), key);
    assert.equal(
      await again.sh`curl -sS -H "authorization: Bearer $KEY" https://${API}/`.text(),
      `you sent Bearer ${key}`,
    );
    assert.equal(await cli(`resume ${session.id}`), session.id);
    await goesOn(await Sandbox.connect(session.id));
    await again.pause();
    assert.equal(await cli(`kill ${again.id} ${session.id}`), `${again.id}\n${session.id}`);
    assert.equal(await statusOf(again.id), "stopped");
    await assert.rejects(
      () => Sandbox.resume(again.id),
      (error) => error instanceof ApiError && error.code === "SANDBOX_NOT_FOUND",
    );
  });

  test("tells the platform's own client what it is, and how to go on", async () => {
    const sandbox = await OfficialSandbox.create({ timeout: "5m" });
    await sandbox.fs.writeTextFile("note", "kept");
    await cli(`pause ${sandbox.id}`);
    await sandbox.closed;
    await assert.rejects(
      () => OfficialSandbox.connect(sandbox.id),
      (error: Error) =>
        /paused.*sandkeep resume/.test(error.message) &&
        /SANDBOX_PAUSED/.test(String((error as { code?: string }).code)),
    );
    const listed = await new OfficialClient().sandboxes.list();
    assert.equal(String(listed.find(({ id }) => id === sandbox.id)?.status), "paused");
    await cli(`resume ${sandbox.id}`);
    const again = await OfficialSandbox.connect(sandbox.id);
    assert.equal(await again.fs.readTextFile("note"), "kept");
    await again.kill();
  });

  test("comes to be by itself if that is what is wanted of a session that ends", async () => {
    const sandbox = await Sandbox.create({ onIdle: "pause" });
    await sandbox.fs.writeTextFile("note", "kept");
    await sandbox.close();
    await until("it is paused", async () => (await statusOf(sandbox.id)) === "paused");
    await using again = await Sandbox.resume(sandbox.id);
    assert.equal(await again.fs.readTextFile("note"), "kept");
    await again.kill();
  });
});

const statusOf = async (id: string) => (await new Client().sandboxes.list()).find((one) => one.id === id)?.status;
const count = (text: string, part: string) => text.split(part).length - 1;
