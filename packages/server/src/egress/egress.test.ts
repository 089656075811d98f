import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import { type EgressSpec, Sealer } from "@sandkeep/egress";
import type { Machine } from "@sandkeep/host";
import type { ApiError, EgressView, SandboxDetail, SandboxEvent } from "@sandkeep/protocol";
import { pino } from "pino";
import type { SandboxRecord, SandboxStore } from "../store/contract.ts";
import { create, join, Refused } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { SandboxEgress } from "./sandbox-egress.ts";

const VALUE = "sk-live-6f1d0c5b9a84";
const OTHER = "sk-live-other-77e2";
const KEY = { hosts: ["api.example"], value: VALUE };

const path = (id: string, rest = "") => `/api/v1/sandboxes/${id}/egress${rest}`;

/** What the machine was last told. */
const told = (fixture: Fixture, id: string): EgressSpec => {
  const spec = fixture.host.machines.get(id)?.egress;
  assert.ok(spec, "the machine was told nothing");
  return spec;
};

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => assert.fail("was not refused"), (caught: unknown) => caught);
  assert.ok(error instanceof Refused, String(error));
  return `${error.status} ${error.body.code} ${error.body.message}`;
}

async function answer(response: Response, status: number): Promise<Record<string, unknown>> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

/** Every byte that the server and its machines keep on disk. */
async function onDisk(dir: string): Promise<Buffer> {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Buffer.concat(await Promise.all(files.map((file) => readFile(joinPath(file.parentPath, file.name)))));
}

describe("a new sandbox", async () => {
  test("is made with what it may reach, and with placeholders for secrets", async () => {
    await using fixture = await Fixture.start();
    const rule = { host: "api.example", methods: ["GET"], paths: ["/v1/**"] };
    const client = await create(fixture, {
      timeout: "5m",
      allow_net: ["api.example", "*.b.example:443", "203.0.113.110", "[2001:db8::1]:80", "198.51.100.0/24"],
      egress: { deny: ["x.b.example"], rules: [rule] },
      secrets: { API_KEY: { ...KEY, in: ["body"] }, OTHER: { hosts: ["*.b.example:443"], value: OTHER } },
    });
    const { egress, env } = fixture.host.specs[0]!;
    assert.deepEqual(egress?.policy, {
      allow: ["api.example", "*.b.example:443", "203.0.113.110", "[2001:db8::1]:80", "198.51.100.0/24"],
      deny: ["x.b.example"],
      rules: [rule],
    });
    assert.deepEqual(egress.secrets.map(({ name, hosts, in: places }) => ({ name, hosts, places })), [
      { name: "API_KEY", hosts: ["api.example"], places: ["body"] },
      { name: "OTHER", hosts: ["*.b.example:443"], places: [] },
    ]);
    assert.match(env["API_KEY"]!, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
    assert.equal(env["API_KEY"], egress.secrets[0]!.placeholder);
    assert.deepEqual(await client.call("envGet", { key: "API_KEY" }), { ok: env["API_KEY"] });
    const view: EgressView = {
      allow: egress.policy.allow,
      deny: ["x.b.example"],
      rules: [rule],
      secrets: [{ name: "API_KEY", hosts: ["api.example"], in: ["body"] }, { name: "OTHER", hosts: ["*.b.example:443"], in: [] }],
    };
    assert.deepEqual(await fixture.get(path(client.id)), view);
    const detail = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`);
    assert.deepEqual(detail.egress, view);
    assert.deepEqual(detail.secrets, ["API_KEY", "OTHER"]);
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    assert.deepEqual(await fixture.get(path(client.id)), view, "of one that has stopped it can still be read");
  });

  test("without a list reaches the public internet, with an empty one nothing", async () => {
    await using fixture = await Fixture.start();
    const open = await create(fixture, {});
    const shut = await create(fixture, { allow_net: [] });
    assert.equal(told(fixture, open.id).policy.allow, null);
    assert.deepEqual(told(fixture, shut.id).policy.allow, []);
  });

  test("is refused for a pattern that is none, with the pattern and the reason", async () => {
    await using fixture = await Fixture.start();
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ allow_net: [""] }, /allow_net: .*"".*empty/],
      [{ allow_net: ["https://a.example/"] }, /allow_net: .*"https:\/\/a\.example\/".*URL.*"a\.example"/],
      [{ allow_net: ["a.example/v1"] }, /allow_net: .*path/],
      [{ allow_net: ["user@a.example"] }, /allow_net: .*user/],
      [{ allow_net: ["*"] }, /allow_net: .*"\*".*everything/],
      [{ allow_net: ["a.*.example"] }, /allow_net: .*start of a name/],
      [{ allow_net: ["a b.example"] }, /allow_net: .*space/],
      [{ allow_net: ["a.example:0"] }, /allow_net: .*1 to 65535/],
      [{ allow_net: ["a.example:"] }, /allow_net: .*port is missing/],
      [{ allow_net: ["127.1"] }, /allow_net: .*four decimal numbers/],
      [{ allow_net: ["0x7f000001"] }, /allow_net: .*four decimal numbers/],
      [{ allow_net: ["10.0.0.1/8"] }, /allow_net: .*"10\.0\.0\.0\/8"/],
      [{ allow_net: ["2001:db8::1:80"] }, /allow_net: .*"\[2001:db8::1\]:80"/],
      [{ allow_net: ["x".repeat(600)] }, /allow_net: .*longer than 512/],
      [{ egress: { deny: ["*.*"] } }, /egress\.deny: .*"\*\.\*"/],
      [{ egress: { rules: [{ host: "*", methods: ["GET"] }] } }, /egress\.rules: .*rule 1.*everything/],
      [{ egress: { rules: [{ host: "a.example", paths: ["v1"] }] } }, /egress\.rules.*paths/],
      [{ secrets: { KEY: { hosts: ["203.0.113.1"], value: VALUE } } }, /secrets\.KEY\.hosts: .*"203\.0\.113\.1".*address.*certificate/],
      [{ secrets: { KEY: { hosts: ["[2001:db8::1]:443"], value: VALUE } } }, /secrets\.KEY\.hosts: .*address/],
      [{ secrets: { KEY: { hosts: ["203.0.113.0/24"], value: VALUE } } }, /secrets\.KEY\.hosts: .*address/],
      [{ secrets: { KEY: { hosts: ["https://a.example"], value: VALUE } } }, /secrets\.KEY\.hosts: .*URL/],
      [{ secrets: { KEY: { hosts: [], value: VALUE } } }, /secrets\.KEY\.hosts.*at least one host/],
      [{ secrets: { KEY: { hosts: ["a.example"], value: `${VALUE}\n` } } }, /secrets\.KEY\.value.*line breaks/],
    ];
    for (const [config, message] of cases) {
      const text = await refusal(create(fixture, config));
      assert.match(text, /^400 INVALID_CONFIG /);
      assert.match(text, message);
      assert.ok(!text.includes(VALUE));
    }
    assert.equal(fixture.host.specs.length, 0);
  });
});

describe("the value of a secret", async () => {
  test("is nowhere: not on disk, in logs, events, answers, or errors", async () => {
    await using fixture = await Fixture.start();
    const values = [VALUE, OTHER, "sk-live-rotated-11", "sk-live-refused-22", "sk-live-failed-33"];
    const client = await create(fixture, { timeout: "5m", secrets: { KEY } });
    const texts = [
      await refusal(create(fixture, { secrets: { KEY: { hosts: ["*"], value: values[3] } } })),
      await (await fixture.request("PUT", path(client.id, "/secrets/OTHER"), { body: { value: OTHER, hosts: ["b.example"] } })).text(),
      await (await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: { value: values[2] } })).text(),
      await (await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: { value: `${values[3]}\r\n` } })).text(),
      await (await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: `{"value":"${values[3]}"` })).text(),
      await (await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: { value: values[3], hosts: ["203.0.113.1"] } })).text(),
    ];
    const machine = fixture.host.machines.get(client.id)!;
    machine.setEgress = () => Promise.reject(new Error("the proxy is gone"));
    texts.push(await (await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: { value: values[4] } })).text());
    for (const query of [path(client.id), `/api/v1/sandboxes/${client.id}`, "/api/v1/sandboxes", "/api/v1/events?limit=1000", path(client.id, "/log")]) {
      texts.push(await (await fixture.request("GET", query)).text());
    }
    const bytes = Buffer.concat([Buffer.from([...texts, ...fixture.logged].join("\n")), await onDisk(fixture.dir)]);
    assert.ok(bytes.includes(client.id), "the search looks at something");
    for (const value of values) {
      for (const form of [value, Buffer.from(value).toString("base64").replace(/=+$/, "").slice(0, -1), encodeURIComponent(value)]) assert.equal(bytes.includes(form), false, form);
    }
    for (const text of texts) assert.ok(!text.includes("sealed"), text);
    // What is sealed is there, and goes when the sandbox has stopped.
    const { sealed } = told(fixture, client.id).secrets[0]!;
    assert.ok(bytes.includes(sealed));
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    await fixture.server.close();
    assert.equal((await onDisk(joinPath(fixture.dir, "data"))).includes(sealed), false);
    await fixture.start();
  });

  test("of a session is not stored, until the session gets a stop time", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { secrets: { KEY } });
    const { sealed } = told(fixture, client.id).secrets[0]!;
    assert.equal((await onDisk(joinPath(fixture.dir, "data"))).includes(sealed), false);
    await answer(await fixture.request("PATCH", `/api/v3/sandbox/${client.id}`, { body: { stop_at_ms: Date.now() + 60_000 } }), 200);
    assert.equal((await onDisk(joinPath(fixture.dir, "data"))).includes(sealed), true);
  });
});

describe("a change", async () => {
  test("of the policy is in force when it is answered, and says what is in force", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { allow_net: ["a.example"], egress: { deny: ["x.example"] } });
    const patch = async (body: unknown) => (await answer(await fixture.request("PATCH", path(client.id), { body }), 200)) as unknown as EgressView;
    const added = await patch({ allow: { add: ["B.example", "A.Example"] } });
    assert.deepEqual(added.allow, ["a.example", "B.example"], "what means the same is there once");
    assert.deepEqual(told(fixture, client.id).policy, { allow: ["a.example", "B.example"], deny: ["x.example"], rules: [] });
    assert.deepEqual((await patch({ allow: { remove: ["b.EXAMPLE"], add: ["c.example"] }, deny: { add: ["y.example"] } })).allow, ["a.example", "c.example"]);
    const rules = [{ host: "a.example", methods: ["GET"], requestsPerMinute: 10 }];
    assert.deepEqual(await patch({ rules }), { allow: ["a.example", "c.example"], deny: ["x.example", "y.example"], rules, secrets: [] });
    assert.deepEqual((await patch({ allow: [], deny: [], rules: [] })), { allow: [], deny: [], rules: [], secrets: [] });
    assert.equal((await patch({ allow: null })).allow, null);
    assert.equal(told(fixture, client.id).policy.allow, null);
    assert.deepEqual((await patch({ allow: ["d.example"] })).allow, ["d.example"]);
    assert.deepEqual(await fixture.get(path(client.id)), await patch({}));
  });

  test("that cannot be is refused, and changes nothing", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { allow_net: ["a.example"] });
    const open = await create(fixture, {});
    const before = told(fixture, client.id);
    const cases: [unknown, RegExp][] = [
      [{ allow: { add: ["*"] } }, /^INVALID_REQUEST allow: .*"\*"/],
      [{ deny: ["http://x"] }, /^INVALID_REQUEST deny: .*URL/],
      [{ rules: [{ host: "a.example", paths: ["/%zz"] }] }, /^INVALID_REQUEST rules/],
      [{ allow: { remove: ["b.example"] } }, /"b\.example" is not in allow/],
      [{ allow: { add: "a" } }, /^INVALID_REQUEST/],
      [{ alow: [] }, /alow/],
      [{ allow: Array.from({ length: 1_001 }, (_, i) => `h${i}.example`) }, /^INVALID_REQUEST/],
      [{ allow: { add: Array.from({ length: 1_000 }, (_, i) => `h${i}.example`) } }, /1001 patterns, and may have 1000/],
    ];
    for (const [body, message] of cases) {
      const { code, message: text } = await answer(await fixture.request("PATCH", path(client.id), { body }), 400);
      assert.match(`${code} ${text}`, message);
    }
    assert.equal((await answer(await fixture.request("PATCH", path(open.id), { body: { allow: { add: ["a.example"] } } }), 409))["code"], "NO_ALLOW_LIST");
    assert.equal(told(fixture, client.id), before);
  });

  test("adds, rotates and revokes a secret, in the environment too", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "5m" });
    const secret = (name: string, body?: unknown) => fixture.request(body === undefined ? "DELETE" : "PUT", path(client.id, `/secrets/${name}`), { body });
    assert.match(String((await answer(await secret("KEY", { value: VALUE }), 400))["message"]), /hosts must be given/);
    assert.deepEqual(await answer(await secret("KEY", { value: VALUE, hosts: ["a.example"], in: ["body"] }), 200), { name: "KEY", hosts: ["a.example"], in: ["body"] });
    const [added] = told(fixture, client.id).secrets;
    assert.deepEqual(await client.call("envGet", { key: "KEY" }), { ok: added!.placeholder });
    assert.deepEqual(await answer(await secret("KEY", { value: OTHER }), 200), { name: "KEY", hosts: ["a.example"], in: ["body"] });
    const [rotated] = told(fixture, client.id).secrets;
    assert.equal(rotated!.placeholder, added!.placeholder);
    assert.notEqual(rotated!.sealed, added!.sealed);
    assert.deepEqual(await answer(await secret("KEY", { value: OTHER, hosts: ["b.example"], in: [] }), 200), { name: "KEY", hosts: ["b.example"], in: [] });
    await answer(await secret("SECOND", { value: VALUE, hosts: ["a.example"] }), 200);
    await answer(await secret("KEY"), 204);
    assert.deepEqual(told(fixture, client.id).secrets.map(({ name }) => name), ["SECOND"]);
    assert.deepEqual(await client.call("envGet", { key: "KEY" }), { ok: null });
    assert.equal((await answer(await secret("KEY"), 404))["code"], "SECRET_NOT_FOUND");
    const events = (await fixture.get<(SandboxEvent & { kind: "egress.changed" })[]>("/api/v1/events?kind=egress.changed&order=oldest-first"));
    assert.deepEqual(events.map(({ data }) => [data.change, data.secret?.name]), [["secret.added", "KEY"], ["secret.rotated", "KEY"], ["secret.rotated", "KEY"], ["secret.added", "SECOND"], ["secret.revoked", "KEY"]]);
    assert.equal(events[0]!.actor.kind, "token");
  });

  test("waits for the one before it", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { allow_net: [] });
    const machine = fixture.host.machines.get(client.id)!;
    const applied: EgressSpec[] = [];
    let busy = 0;
    machine.setEgress = async (spec) => {
      assert.equal(++busy, 1, "two changes at once");
      await new Promise((resolve) => setImmediate(resolve));
      applied.push(spec);
      busy--;
    };
    const hosts = Array.from({ length: 20 }, (_, i) => `h${i}.example`);
    await Promise.all([
      ...hosts.map(async (host) => answer(await fixture.request("PATCH", path(client.id), { body: { allow: { add: [host] } } }), 200)),
      ...["A", "B", "C"].map(async (name) => answer(await fixture.request("PUT", path(client.id, `/secrets/${name}`), { body: KEY }), 200)),
    ]);
    assert.equal(applied.length, 23);
    assert.deepEqual(applied.at(-1)?.policy.allow?.toSorted(), hosts.toSorted());
    assert.deepEqual(applied.at(-1)?.secrets.map(({ name }) => name).sort(), ["A", "B", "C"]);
  });

  test("of a secret takes any name that a variable can have", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, {});
    for (const name of ["A/B", "ü %", "__proto__", "constructor"]) {
      const where = path(client.id, `/secrets/${encodeURIComponent(name)}`);
      assert.equal((await answer(await fixture.request("PUT", where, { body: KEY }), 200))["name"], name);
      assert.deepEqual((await fixture.get<EgressView>(path(client.id))).secrets.map((secret) => secret.name), [name]);
      assert.deepEqual(await client.call("envGet", { key: name }), { ok: told(fixture, client.id).secrets[0]?.placeholder });
      await answer(await fixture.request("DELETE", where), 204);
    }
    for (const name of ["A=B", "A\0B", "x".repeat(256)]) {
      assert.equal((await answer(await fixture.request("PUT", path(client.id, `/secrets/${encodeURIComponent(name)}`), { body: KEY }), 400))["code"], "INVALID_REQUEST");
    }
    assert.deepEqual(told(fixture, client.id).secrets, []);
  });

  test("of the same new secret by two at once is made by one of them, and the other hears of it", async () => {
    await using fixture = await Fixture.start();
    const applied: EgressSpec[] = [];
    const egress = new SandboxEgress({
      machine: { guest: { call: async () => null }, setEgress: async (spec: EgressSpec) => void applied.push(spec) } as unknown as Machine,
      record: { id: "s", stopAt: null } as unknown as SandboxRecord,
      spec: { policy: { allow: null, deny: [], rules: [] }, secrets: [] },
      store: { setNetwork: async () => {} } as unknown as SandboxStore,
      sealer: await Sealer.open(joinPath(fixture.dir, "key")),
      log: pino({ level: "silent" }),
      isEnding: () => false,
      publish: () => {},
    });
    const actor = { kind: "system" } as const;
    const both = await Promise.allSettled([egress.setSecret("KEY", KEY, actor), egress.setSecret("KEY", { ...KEY, value: OTHER }, actor)]);
    assert.deepEqual(both.map((one) => (one.status === "rejected" ? (one.reason as ApiError).code : one.value.name)), ["KEY", "CHANGED_MEANWHILE"]);
    // Nor does a value that was meant for a revoked one bring its placeholder back.
    const revived = await Promise.allSettled([egress.revokeSecret("KEY", actor), egress.setSecret("KEY", KEY, actor)]);
    assert.equal(revived[1].status === "rejected" && (revived[1].reason as ApiError).code, "CHANGED_MEANWHILE");
    assert.deepEqual(applied.map(({ secrets }) => secrets.length), [1, 0]);
  });

  test("of a sandbox that ends meanwhile finds none", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, {});
    const machine = fixture.host.machines.get(client.id)!;
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    machine.setEgress = async () => {
      resolve();
      await machine.exited;
      throw new Error("The machine has no egress.");
    };
    const change = fixture.request("PATCH", path(client.id), { body: { deny: ["a.example"] } });
    await asked;
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    assert.equal((await answer(await change, 404))["code"], "SANDBOX_NOT_FOUND");
    assert.equal((await answer(await fixture.request("PATCH", path(client.id), { body: {} }), 404))["code"], "SANDBOX_NOT_FOUND");
    assert.deepEqual(await fixture.get("/api/v1/events?kind=egress.changed"), []);
  });

  test("that the guest does not take is not made", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, {});
    const machine = fixture.host.machines.get(client.id)!;
    machine.guest.call = () => Promise.reject(new Error("a hostile agent's words"));
    const refused = await answer(await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: KEY }), 503);
    assert.match(String(refused["message"]), /placeholder/);
    assert.deepEqual(told(fixture, client.id).secrets, []);
  });

  test("that the host does not take is taken back, and said", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "5m", allow_net: ["a.example"] });
    const machine = fixture.host.machines.get(client.id)!;
    const applied: EgressSpec[] = [];
    machine.setEgress = async (spec) => {
      applied.push(spec);
      if (applied.length === 1) throw new Error("the proxy died");
    };
    const refused = await answer(await fixture.request("PUT", path(client.id, "/secrets/KEY"), { body: KEY }), 503);
    assert.equal(refused["code"], "EGRESS_UNAVAILABLE");
    assert.deepEqual(applied.map(({ secrets }) => secrets.length), [1, 0]);
    assert.deepEqual(await fixture.get(path(client.id)), { allow: ["a.example"], deny: [], rules: [], secrets: [] });
    assert.deepEqual(await client.call("envGet", { key: "KEY" }), { ok: null });
    const [event] = await fixture.get<SandboxEvent[]>("/api/v1/events?kind=egress.changed");
    assert.equal(event?.outcome, "failed");
  });
});

describe("after a restart", async () => {
  test("a sandbox that runs on has the policy and the secrets that it had last", async () => {
    await using fixture = await Fixture.start();
    const kept = await create(fixture, { timeout: "5m", allow_net: ["a.example"], secrets: { KEY, GONE: KEY } });
    const session = await create(fixture, { secrets: { KEY } });
    await answer(await fixture.request("PATCH", `/api/v3/sandbox/${session.id}`, { body: { stop_at_ms: Date.now() + 60_000 } }), 200);
    await answer(await fixture.request("PATCH", path(kept.id), { body: { deny: ["b.example"] } }), 200);
    await answer(await fixture.request("DELETE", path(kept.id, "/secrets/GONE")), 204);
    const before = [kept.id, session.id].map((id) => told(fixture, id));
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    assert.deepEqual([kept.id, session.id].map((id) => told(fixture, id)), before);
    // And it can be changed as before.
    await answer(await fixture.request("PUT", path(kept.id, "/secrets/KEY"), { body: { value: OTHER } }), 200);
    assert.equal(told(fixture, kept.id).secrets[0]?.placeholder, before[0]?.secrets[0]?.placeholder);
  });

  test("with another key the secrets are gone, the policy is not, and it is said", async () => {
    await using fixture = await Fixture.start();
    const kept = await create(fixture, { timeout: "5m", allow_net: ["a.example"], secrets: { KEY } });
    await fixture.server.close({ leaveRunning: true });
    const { rm } = await import("node:fs/promises");
    await rm(joinPath(fixture.dir, "data", "egress", "secrets.key"));
    await fixture.start();
    assert.deepEqual(told(fixture, kept.id), { policy: { allow: ["a.example"], deny: [], rules: [] }, secrets: [] });
    const [event] = await fixture.get<(SandboxEvent & { kind: "egress.changed" })[]>("/api/v1/events?kind=egress.changed");
    assert.equal(event?.outcome, "failed");
    assert.match(event.data.error ?? "", /KEY are lost: the key file .*secrets\.key is another/);
    assert.ok(fixture.logged.some((line) => /the key of secrets is another/.test(line)));
    const guest = await join(fixture, kept.id);
    await answer(await fixture.request("PUT", path(kept.id, "/secrets/KEY"), { body: KEY }), 200);
    assert.deepEqual(await guest.call("envGet", { key: "KEY" }), { ok: told(fixture, kept.id).secrets[0]!.placeholder });
  });

  test("a key file that others can read is refused at the start", async () => {
    await using fixture = await Fixture.start();
    await fixture.server.close();
    const { chmod } = await import("node:fs/promises");
    await chmod(joinPath(fixture.dir, "data", "egress", "secrets.key"), 0o644);
    await assert.rejects(fixture.start(), /secrets\.key.*0644/);
  });
});

test("another organisation's token finds nothing on any route of egress", async () => {
  await using fixture = await Fixture.start();
  const { token } = await fixture.token({ organisation: "other-org" });
  const mine = await create(fixture, { timeout: "5m", secrets: { KEY } });
  const before = told(fixture, mine.id);
  const requests: [string, string, unknown?][] = [
    ["GET", path(mine.id)],
    ["PATCH", path(mine.id), { allow: [] }],
    ["PUT", path(mine.id, "/secrets/KEY"), { value: "theirs" }],
    ["PUT", path(mine.id, "/secrets/NEW"), { value: "theirs", hosts: ["evil.example"] }],
    ["DELETE", path(mine.id, "/secrets/KEY")],
    ["GET", path(mine.id, "/log")],
    ["GET", path(mine.id, "/log?format=har")],
  ];
  for (const [method, where, body] of requests) {
    assert.equal((await answer(await fixture.request(method, where, { token, body }), 404))["code"], "SANDBOX_NOT_FOUND", `${method} ${where}`);
    assert.equal((await fixture.request(method, where, { token: null, body })).status, 401);
  }
  assert.equal(told(fixture, mine.id), before);
});
