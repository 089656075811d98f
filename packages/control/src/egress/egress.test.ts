import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import type { EgressView, SandboxDetail, SandboxEvent } from "@sandkeep/protocol";
import { create, join, Refused } from "../testing/client.ts";
import { answer, egressPath, KEY, OTHER, told, VALUE } from "../testing/egress.ts";
import { Fixture } from "../testing/fixture.ts";

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail("was not refused"),
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof Refused, String(error));
  return `${error.status} ${error.body.code} ${error.body.message}`;
}

/** Every byte that the server and its machines store on disk. */
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
    assert.deepEqual(
      egress.secrets.map(({ name, hosts, in: places }) => ({ name, hosts, places })),
      [
        { name: "API_KEY", hosts: ["api.example"], places: ["body"] },
        { name: "OTHER", hosts: ["*.b.example:443"], places: [] },
      ],
    );
    assert.match(env.API_KEY!, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
    assert.equal(env.API_KEY, egress.secrets[0]!.placeholder);
    assert.deepEqual(await client.call("envGet", { key: "API_KEY" }), { ok: env.API_KEY });
    const view: EgressView = {
      allow: egress.policy.allow,
      deny: ["x.b.example"],
      rules: [rule],
      secrets: [
        { name: "API_KEY", hosts: ["api.example"], in: ["body"] },
        { name: "OTHER", hosts: ["*.b.example:443"], in: [] },
      ],
    };
    assert.deepEqual(await fixture.get(egressPath(client.id)), view);
    const detail = await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${client.id}`);
    assert.deepEqual(detail.egress, view);
    assert.deepEqual(detail.secrets, ["API_KEY", "OTHER"]);
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    assert.deepEqual(await fixture.get(egressPath(client.id)), view, "of one that has stopped it can still be read");
  });

  test("has placeholders of the form that was asked for, of its own and all different", async () => {
    await using fixture = await Fixture.start();
    const secrets = Object.fromEntries(["A", "B"].map((name) => [name, { ...KEY, placeholder: "sk-ant-..." }]));
    const client = await create(fixture, { timeout: "5m", secrets });
    await create(fixture, { secrets });
    const made = fixture.host.specs.flatMap(({ egress, env }) =>
      egress!.secrets.map(({ name, placeholder }) => (assert.equal(env[name], placeholder), placeholder)),
    );
    for (const placeholder of made) assert.match(placeholder, /^sk-ant-[0-9A-Za-z]{43}$/);
    assert.equal(new Set(made).size, 4);
    const put = (name: string, body: object) =>
      fixture.request("PUT", egressPath(client.id, `/secrets/${name}`), { body });
    assert.equal((await put("C", { value: VALUE, hosts: ["a.example"], placeholder: "ghp_…{36}" })).status, 200);
    const placeholderOf = (wanted: string) =>
      told(fixture, client.id).secrets.find(({ name }) => name === wanted)!.placeholder;
    const third = placeholderOf("C");
    assert.match(third, /^ghp_[0-9A-Za-z]{36}$/);
    assert.deepEqual(await client.call("envGet", { key: "C" }), { ok: third });
    // Running processes use it: another value gets the same placeholder, whatever else is requested.
    for (const body of [{ value: OTHER }, { value: OTHER, placeholder: "ghp_…{36}" }])
      assert.equal((await put("C", body)).status, 200);
    assert.equal(placeholderOf("C"), third);
    for (const [placeholder, message] of [
      ["sk-ant-…", /another form.*revoke the secret first/],
      ["ghp_…{8}", /placeholder: .*could be guessed/],
    ] as const) {
      const refused = await put("C", { value: OTHER, placeholder });
      assert.equal(refused.status, 400);
      assert.match(((await refused.json()) as { message: string }).message, message);
    }
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
      [
        { secrets: { KEY: { hosts: ["203.0.113.1"], value: VALUE } } },
        /secrets\.KEY\.hosts: .*"203\.0\.113\.1".*address.*certificate/,
      ],
      [{ secrets: { KEY: { hosts: ["[2001:db8::1]:443"], value: VALUE } } }, /secrets\.KEY\.hosts: .*address/],
      [{ secrets: { KEY: { hosts: ["203.0.113.0/24"], value: VALUE } } }, /secrets\.KEY\.hosts: .*address/],
      [{ secrets: { KEY: { hosts: ["https://a.example"], value: VALUE } } }, /secrets\.KEY\.hosts: .*URL/],
      [
        { secrets: { KEY: { hosts: ["a.example"], value: VALUE, placeholder: "sk-fixed" } } },
        /secrets\.KEY\.placeholder: "sk-fixed" is the same for everybody.*"sk-fixed…"/,
      ],
      [
        { secrets: { KEY: { hosts: ["a.example"], value: VALUE, placeholder: "sk-...{8}" } } },
        /secrets\.KEY\.placeholder: .*47 random bits.*22 characters/,
      ],
      [
        { secrets: { KEY: { hosts: ["a.example"], value: VALUE, placeholder: `${VALUE}...` } } },
        /secrets\.KEY\.placeholder: .*(contains|reveals)/,
      ],
      [
        { secrets: { KEY: { hosts: ["a.example"], value: VALUE, placeholder: 5 } } },
        /secrets\.KEY\.placeholder: expected string/,
      ],
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
      await (
        await fixture.request("PUT", egressPath(client.id, "/secrets/OTHER"), {
          body: { value: OTHER, hosts: ["b.example"] },
        })
      ).text(),
      await (
        await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), { body: { value: values[2] } })
      ).text(),
      await (
        await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), { body: { value: `${values[3]}\r\n` } })
      ).text(),
      await (
        await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), { body: `{"value":"${values[3]}"` })
      ).text(),
      await (
        await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), {
          body: { value: values[3], hosts: ["203.0.113.1"] },
        })
      ).text(),
    ];
    const machine = fixture.host.machines.get(client.id)!;
    machine.setEgress = () => Promise.reject(new Error("the proxy is gone"));
    texts.push(
      await (
        await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), { body: { value: values[4] } })
      ).text(),
    );
    for (const query of [
      egressPath(client.id),
      `/api/v1/sandboxes/${client.id}`,
      "/api/v1/sandboxes",
      "/api/v1/events?limit=1000",
      egressPath(client.id, "/log"),
    ]) {
      texts.push(await (await fixture.request("GET", query)).text());
    }
    const bytes = Buffer.concat([Buffer.from([...texts, ...fixture.logged].join("\n")), await onDisk(fixture.dir)]);
    assert.ok(bytes.includes(client.id), "the search looks at something");
    for (const value of values) {
      for (const form of [
        value,
        Buffer.from(value).toString("base64").replace(/=+$/, "").slice(0, -1),
        encodeURIComponent(value),
      ])
        assert.equal(bytes.includes(form), false, form);
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
    await answer(
      await fixture.request("PATCH", `/api/v3/sandbox/${client.id}`, { body: { stop_at_ms: Date.now() + 60_000 } }),
      200,
    );
    assert.equal((await onDisk(joinPath(fixture.dir, "data"))).includes(sealed), true);
  });
});

describe("after a restart", async () => {
  test("a sandbox that runs on has the policy and the secrets that it had last", async () => {
    await using fixture = await Fixture.start();
    const kept = await create(fixture, { timeout: "5m", allow_net: ["a.example"], secrets: { KEY, GONE: KEY } });
    const session = await create(fixture, { secrets: { KEY } });
    await answer(
      await fixture.request("PATCH", `/api/v3/sandbox/${session.id}`, { body: { stop_at_ms: Date.now() + 60_000 } }),
      200,
    );
    await answer(await fixture.request("PATCH", egressPath(kept.id), { body: { deny: ["b.example"] } }), 200);
    await answer(await fixture.request("DELETE", egressPath(kept.id, "/secrets/GONE")), 204);
    const before = [kept.id, session.id].map((id) => told(fixture, id));
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    assert.deepEqual(
      [kept.id, session.id].map((id) => told(fixture, id)),
      before,
    );
    // And it can be changed as before.
    await answer(await fixture.request("PUT", egressPath(kept.id, "/secrets/KEY"), { body: { value: OTHER } }), 200);
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
    const [event] = await fixture.get<(SandboxEvent & { kind: "egress.changed" })[]>(
      "/api/v1/events?kind=egress.changed",
    );
    assert.equal(event?.outcome, "failed");
    assert.match(event.data.error ?? "", /KEY are lost: the key file .*secrets\.key is not the one/);
    assert.ok(fixture.logged.some((line) => /the key that seals secrets has changed/.test(line)));
    const guest = await join(fixture, kept.id);
    await answer(await fixture.request("PUT", egressPath(kept.id, "/secrets/KEY"), { body: KEY }), 200);
    assert.deepEqual(await guest.call("envGet", { key: "KEY" }), {
      ok: told(fixture, kept.id).secrets[0]!.placeholder,
    });
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
    ["GET", egressPath(mine.id)],
    ["PATCH", egressPath(mine.id), { allow: [] }],
    ["PUT", egressPath(mine.id, "/secrets/KEY"), { value: "theirs" }],
    ["PUT", egressPath(mine.id, "/secrets/NEW"), { value: "theirs", hosts: ["evil.example"] }],
    ["DELETE", egressPath(mine.id, "/secrets/KEY")],
    ["GET", egressPath(mine.id, "/log")],
    ["GET", egressPath(mine.id, "/log?format=har")],
  ];
  for (const [method, where, body] of requests) {
    assert.equal(
      (await answer(await fixture.request(method, where, { token, body }), 404)).code,
      "SANDBOX_NOT_FOUND",
      `${method} ${where}`,
    );
    assert.equal((await fixture.request(method, where, { token: null, body })).status, 401);
  }
  assert.equal(told(fixture, mine.id), before);
});
