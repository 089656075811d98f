/** Class 14: one sandbox against another, one organisation against another. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Sandbox } from "sandkeep";
import { Arena } from "./fixture/arena.ts";
import type { Attacker } from "./fixture/attacker.ts";
import { WARM_POOL } from "./fixture/installation.ts";
import { Stepper } from "./fixture/stepper.ts";

const API = "api.test.example";
const NEIGHBOURS_VALUE = "sk-neighbours-own-value-0123456789";

let arena: Arena;
let victim: Attacker;
let neighbour: Attacker;
/** A sandbox of another organisation. */
let foreign: string;
before(async () => {
  arena = await Arena.open({ config: WARM_POOL, upstreams: { [API]: {} } });
  victim = await arena.attacker({ allowNet: [API], secrets: { API_KEY: { hosts: [API], value: arena.value } } });
  neighbour = await arena.attacker({
    allowNet: [API],
    secrets: { API_KEY: { hosts: [API], value: NEIGHBOURS_VALUE } },
  });
  assert.equal((await arena.api("POST", "/api/v1/organisations", { slug: "foreign" })).status, 201);
  const { text } = await arena.api("POST", "/api/v1/tokens", { name: "foreign", organisation: "foreign" });
  foreign = (JSON.parse(text) as { token: string }).token;
});
after(() => arena?.[Symbol.asyncDispose]());

const placeholderOf = async ({ sandbox }: Attacker) => (await sandbox.sh`printenv API_KEY`.text()).trim();

test("another sandbox's placeholder means nothing, to a host that is approved for both", async () => {
  const [theirs, own] = await Promise.all([placeholderOf(victim), placeholderOf(neighbour)]);
  assert.notEqual(theirs, own);
  await using stepper = await Stepper.start(neighbour, API);
  assert.equal((await stepper.step("own", own)).status, 200);
  await stepper.step("theirs", theirs);
  const { text } = arena.upstream(API);
  assert.ok(text.includes(NEIGHBOURS_VALUE) && !text.includes(arena.value), text);
});

test("what one looks up or connects to is no address in another", async () => {
  const address = (await neighbour.sandbox.sh`getent ahostsv4 api.test.example`.text()).split(" ")[0]!;
  await using none = await Sandbox.create({ allowNet: [] });
  const seen =
    await none.sh`curl -sS -k -m 5 -o /dev/null -w '%{http_code}' https://${address}/ --connect-to ::${address}: ; true`.text();
  assert.notEqual(seen.trim(), "200");
});

test("neither sees the other on the network", async () => {
  for (const [from, to] of [
    [neighbour, victim],
    [victim, neighbour],
  ] as const) {
    const server = await to.sandbox.spawn("python3", {
      args: ["-m", "http.server", "4711"],
      stdout: "null",
      stderr: "null",
    });
    for (const address of ["100.100.100.2", "100.100.100.3", "100.100.100.1", "100.100.100.100"]) {
      // Its own address is the machine itself, where nobody listens.
      const { stdout } = await from.root(
        `curl -sS -m 3 -o /dev/null -w '%{http_code}' http://${address}:4711/ 2>/dev/null`,
      );
      assert.ok(stdout === "000" || stdout === "403", `${address} ${stdout}`);
    }
    await server.kill();
  }
});

describe("a token of another organisation", () => {
  const routes: [string, string, unknown?][] = [
    ["GET", "/api/v1/sandboxes/ID"],
    ["GET", "/api/v1/sandboxes/ID/egress"],
    ["PATCH", "/api/v1/sandboxes/ID/egress", { allow: null }],
    ["PUT", "/api/v1/sandboxes/ID/egress/secrets/API_KEY", { value: "stolen", hosts: ["evil.test.example"] }],
    ["PUT", "/api/v1/sandboxes/ID/egress/secrets/NEW", { value: "stolen", hosts: ["evil.test.example"] }],
    ["DELETE", "/api/v1/sandboxes/ID/egress/secrets/API_KEY"],
    ["GET", "/api/v1/sandboxes/ID/egress/log"],
    ["GET", "/api/v1/sandboxes/ID/egress/log?format=har"],
    ["PATCH", "/api/v3/sandbox/ID", { stop_at_ms: 1 }],
    ["DELETE", "/api/v3/sandbox/ID"],
    ["DELETE", "/api/v3/sandboxes/ID"],
    ["DELETE", "/api/v1/sandboxes/ID"],
  ];
  for (const [method, path, body] of routes) {
    test(`finds nothing with ${method} ${path}`, async () => {
      const { status, text } = await arena.api(method, path.replace("ID", victim.id), body, foreign);
      assert.ok([403, 404, 405].includes(status), `${status} ${text}`);
      assert.ok(!text.includes(API));
    });
  }

  test("cannot connect, and sees neither sandboxes nor events", async () => {
    await assert.rejects(() => Sandbox.connect({ id: victim.id, token: foreign } as never), {
      code: "SANDBOX_NOT_FOUND",
    });
    for (const path of [
      "/api/v1/sandboxes",
      "/api/v2/sandboxes",
      "/api/v3/sandboxes",
      "/api/v1/events",
      `/api/v1/events?sandbox=${victim.id}`,
    ]) {
      const { status, text } = await arena.api("GET", path, undefined, foreign);
      assert.equal(status, 200, text);
      assert.ok(!text.includes(victim.id), path);
    }
    const { text } = await arena.api("GET", "/api/v1/tokens", undefined, foreign);
    assert.equal((JSON.parse(text) as unknown[]).length, 1, "its own");
    assert.equal((await arena.api("GET", "/api/v1/organisations", undefined, foreign)).status, 403);
  });

  test("has changed nothing", async () => {
    const view = JSON.parse((await arena.api("GET", `/api/v1/sandboxes/${victim.id}/egress`)).text) as {
      allow: string[];
      secrets: { name: string; hosts: string[] }[];
    };
    assert.deepEqual(view.allow, [API]);
    assert.deepEqual(
      view.secrets.map(({ name, hosts }) => [name, hosts]),
      [["API_KEY", [API]]],
    );
  });
});

test("the file API does what the user may, whatever the path looks like", async () => {
  const { sandbox } = victim;
  await victim.root(
    "mkdir -p /root/kept && echo hidden > /root/kept/file && chmod 700 /root /root/kept && ln -sfn /root/kept /home/app/link && ln -sfn /etc/shadow /home/app/shadow",
  );
  for (const path of [
    "/root/kept/file",
    "link/file",
    "../../root/kept/file",
    "./link/../../../root/kept/file",
    "shadow",
    "/proc/1/environ",
    "/proc/1/root/etc/shadow",
    "/dev/vda",
    "/proc/kcore",
  ]) {
    await assert.rejects(() => sandbox.fs.readTextFile(path), refusedByTheKernel, path);
    await assert.rejects(() => sandbox.fs.writeTextFile(path, "x"), refusedByTheKernel, path);
  }
});

function refusedByTheKernel(error: unknown): boolean {
  return ["EACCES", "EPERM", "ENOENT"].includes((error as { code: string }).code);
}
