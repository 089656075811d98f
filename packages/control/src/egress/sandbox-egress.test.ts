import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import { type EgressSpec, Sealer } from "@sandkeep/egress";
import type { Machine } from "@sandkeep/host";
import type { ApiError, EgressView, SandboxEvent } from "@sandkeep/protocol";
import type { SandboxRecord, SandboxStore } from "@sandkeep/store";
import { pino } from "pino";
import { create } from "../testing/client.ts";
import { answer, egressPath, KEY, OTHER, told, VALUE } from "../testing/egress.ts";
import { Fixture } from "../testing/fixture.ts";
import { SandboxEgress } from "./sandbox-egress.ts";

describe("a change", async () => {
  test("of the policy is in force when it is answered, and says what is in force", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { allow_net: ["a.example"], egress: { deny: ["x.example"] } });
    const patch = async (body: unknown) =>
      (await answer(await fixture.request("PATCH", egressPath(client.id), { body }), 200)) as unknown as EgressView;
    const added = await patch({ allow: { add: ["B.example", "A.Example"] } });
    assert.deepEqual(added.allow, ["a.example", "B.example"], "what means the same is there once");
    assert.deepEqual(told(fixture, client.id).policy, {
      allow: ["a.example", "B.example"],
      deny: ["x.example"],
      rules: [],
    });
    assert.deepEqual(
      (await patch({ allow: { remove: ["b.EXAMPLE"], add: ["c.example"] }, deny: { add: ["y.example"] } })).allow,
      ["a.example", "c.example"],
    );
    const rules = [{ host: "a.example", methods: ["GET"], requestsPerMinute: 10 }];
    assert.deepEqual(await patch({ rules }), {
      allow: ["a.example", "c.example"],
      deny: ["x.example", "y.example"],
      rules,
      secrets: [],
    });
    assert.deepEqual(await patch({ allow: [], deny: [], rules: [] }), { allow: [], deny: [], rules: [], secrets: [] });
    assert.equal((await patch({ allow: null })).allow, null);
    assert.equal(told(fixture, client.id).policy.allow, null);
    assert.deepEqual((await patch({ allow: ["d.example"] })).allow, ["d.example"]);
    assert.deepEqual(await fixture.get(egressPath(client.id)), await patch({}));
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
      [
        { allow: { add: Array.from({ length: 1_000 }, (_, i) => `h${i}.example`) } },
        /1001 patterns, but the limit is 1000/,
      ],
    ];
    for (const [body, message] of cases) {
      const { code, message: text } = await answer(
        await fixture.request("PATCH", egressPath(client.id), { body }),
        400,
      );
      assert.match(`${code} ${text}`, message);
    }
    assert.equal(
      (
        await answer(
          await fixture.request("PATCH", egressPath(open.id), { body: { allow: { add: ["a.example"] } } }),
          409,
        )
      ).code,
      "NO_ALLOW_LIST",
    );
    assert.equal(told(fixture, client.id), before);
  });

  test("adds, rotates and revokes a secret, in the environment too", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "5m" });
    const secret = (name: string, body?: unknown) =>
      fixture.request(body === undefined ? "DELETE" : "PUT", egressPath(client.id, `/secrets/${name}`), { body });
    assert.match(String((await answer(await secret("KEY", { value: VALUE }), 400)).message), /hosts are required/);
    assert.deepEqual(await answer(await secret("KEY", { value: VALUE, hosts: ["a.example"], in: ["body"] }), 200), {
      name: "KEY",
      hosts: ["a.example"],
      in: ["body"],
    });
    const [added] = told(fixture, client.id).secrets;
    assert.deepEqual(await client.call("envGet", { key: "KEY" }), { ok: added!.placeholder });
    assert.deepEqual(await answer(await secret("KEY", { value: OTHER }), 200), {
      name: "KEY",
      hosts: ["a.example"],
      in: ["body"],
    });
    const [rotated] = told(fixture, client.id).secrets;
    assert.equal(rotated!.placeholder, added!.placeholder);
    assert.notEqual(rotated!.sealed, added!.sealed);
    assert.deepEqual(await answer(await secret("KEY", { value: OTHER, hosts: ["b.example"], in: [] }), 200), {
      name: "KEY",
      hosts: ["b.example"],
      in: [],
    });
    await answer(await secret("SECOND", { value: VALUE, hosts: ["a.example"] }), 200);
    await answer(await secret("KEY"), 204);
    assert.deepEqual(
      told(fixture, client.id).secrets.map(({ name }) => name),
      ["SECOND"],
    );
    assert.deepEqual(await client.call("envGet", { key: "KEY" }), { ok: null });
    assert.equal((await answer(await secret("KEY"), 404)).code, "SECRET_NOT_FOUND");
    const events = await fixture.get<(SandboxEvent & { kind: "egress.changed" })[]>(
      "/api/v1/events?kind=egress.changed&order=oldest-first",
    );
    assert.deepEqual(
      events.map(({ data }) => [data.change, data.secret?.name]),
      [
        ["secret.added", "KEY"],
        ["secret.rotated", "KEY"],
        ["secret.rotated", "KEY"],
        ["secret.added", "SECOND"],
        ["secret.revoked", "KEY"],
      ],
    );
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
      ...hosts.map(async (host) =>
        answer(await fixture.request("PATCH", egressPath(client.id), { body: { allow: { add: [host] } } }), 200),
      ),
      ...["A", "B", "C"].map(async (name) =>
        answer(await fixture.request("PUT", egressPath(client.id, `/secrets/${name}`), { body: KEY }), 200),
      ),
    ]);
    assert.equal(applied.length, 23);
    assert.deepEqual(applied.at(-1)?.policy.allow?.toSorted(), hosts.toSorted());
    assert.deepEqual(
      applied
        .at(-1)
        ?.secrets.map(({ name }) => name)
        .sort(),
      ["A", "B", "C"],
    );
  });

  test("of a secret takes any name that a variable can have", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, {});
    for (const name of ["A/B", "ü %", "__proto__", "constructor"]) {
      const where = egressPath(client.id, `/secrets/${encodeURIComponent(name)}`);
      assert.equal((await answer(await fixture.request("PUT", where, { body: KEY }), 200)).name, name);
      assert.deepEqual(
        (await fixture.get<EgressView>(egressPath(client.id))).secrets.map((secret) => secret.name),
        [name],
      );
      assert.deepEqual(await client.call("envGet", { key: name }), {
        ok: told(fixture, client.id).secrets[0]?.placeholder,
      });
      await answer(await fixture.request("DELETE", where), 204);
    }
    for (const name of ["A=B", "A\0B", "x".repeat(256)]) {
      assert.equal(
        (
          await answer(
            await fixture.request("PUT", egressPath(client.id, `/secrets/${encodeURIComponent(name)}`), { body: KEY }),
            400,
          )
        ).code,
        "INVALID_REQUEST",
      );
    }
    assert.deepEqual(told(fixture, client.id).secrets, []);
  });

  test("of the same new secret by two at once is made by one of them, and the other hears of it", async () => {
    await using fixture = await Fixture.start();
    const applied: EgressSpec[] = [];
    const egress = new SandboxEgress({
      machine: {
        guest: { call: async () => null },
        setEgress: async (spec: EgressSpec) => void applied.push(spec),
      } as unknown as Machine,
      record: { id: "s", stopAt: null } as unknown as SandboxRecord,
      spec: { policy: { allow: null, deny: [], rules: [] }, secrets: [] },
      owner: "cp_1",
      store: { setNetwork: async () => {} } as unknown as SandboxStore,
      sealer: await Sealer.open(joinPath(fixture.dir, "key")),
      log: pino({ level: "silent" }),
      isEnding: () => false,
      publish: () => {},
    });
    const actor = { kind: "system" } as const;
    const both = await Promise.allSettled([
      egress.setSecret("KEY", KEY, actor),
      egress.setSecret("KEY", { ...KEY, value: OTHER }, actor),
    ]);
    assert.deepEqual(
      both.map((one) => (one.status === "rejected" ? (one.reason as ApiError).code : one.value.name)),
      ["KEY", "CHANGED_MEANWHILE"],
    );
    // Nor does a value that was meant for a revoked one bring its placeholder back.
    const revived = await Promise.allSettled([egress.revokeSecret("KEY", actor), egress.setSecret("KEY", KEY, actor)]);
    assert.equal(revived[1].status === "rejected" && (revived[1].reason as ApiError).code, "CHANGED_MEANWHILE");
    assert.deepEqual(
      applied.map(({ secrets }) => secrets.length),
      [1, 0],
    );
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
    const change = fixture.request("PATCH", egressPath(client.id), { body: { deny: ["a.example"] } });
    await asked;
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    assert.equal((await answer(await change, 404)).code, "SANDBOX_NOT_FOUND");
    assert.equal(
      (await answer(await fixture.request("PATCH", egressPath(client.id), { body: {} }), 404)).code,
      "SANDBOX_NOT_FOUND",
    );
    assert.deepEqual(await fixture.get("/api/v1/events?kind=egress.changed"), []);
  });

  test("that the guest does not take is not made", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, {});
    const machine = fixture.host.machines.get(client.id)!;
    machine.guest.call = () => Promise.reject(new Error("a hostile agent's words"));
    const refused = await answer(
      await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), { body: KEY }),
      503,
    );
    assert.match(String(refused.message), /placeholder/);
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
    const refused = await answer(
      await fixture.request("PUT", egressPath(client.id, "/secrets/KEY"), { body: KEY }),
      503,
    );
    assert.equal(refused.code, "EGRESS_UNAVAILABLE");
    assert.deepEqual(
      applied.map(({ secrets }) => secrets.length),
      [1, 0],
    );
    assert.deepEqual(await fixture.get(egressPath(client.id)), {
      allow: ["a.example"],
      deny: [],
      rules: [],
      secrets: [],
    });
    assert.deepEqual(await client.call("envGet", { key: "KEY" }), { ok: null });
    const [event] = await fixture.get<SandboxEvent[]>("/api/v1/events?kind=egress.changed");
    assert.equal(event?.outcome, "failed");
  });
});
