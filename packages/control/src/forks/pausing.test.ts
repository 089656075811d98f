import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import type { SandboxDetail, SandboxMetadata } from "@sandkeep/protocol";
import { create, join, refusal } from "../testing/client.ts";
import { egressPath, KEY, told } from "../testing/egress.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, events, fork, pause, resume } from "../testing/forks.ts";
import { assertKept, setKept } from "../testing/kept.ts";
import { stopped } from "../testing/stopped.ts";

const lasting = { timeout: "5m" };
const MINUTE_MS = 60_000;

describe("a paused sandbox", () => {
  test("has no machine, tells its clients and whoever wants it how to go on, and goes on where it was", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { ...lasting, secrets: { KEY } });
    await setKept(client);
    const before = told(fixture, client.id);
    const paused = await pause(fixture, client.id);
    assert.equal(paused.status, 200, JSON.stringify(paused.body));
    assert.equal(paused.body.status, "paused");
    const { code, reason } = await client.closed;
    assert.equal(code, 1001);
    assert.match(reason, /paused.*sandkeep resume/);
    assert.equal(fixture.host.machines.size, 0);

    const refused = await refusal(join(fixture, client.id));
    assert.deepEqual([refused.status, refused.body.code], [409, "SANDBOX_PAUSED"]);
    assert.match(refused.body.message, /sandkeep resume/);
    for (const [method, path, body] of [
      ["PATCH", `/api/v3/sandbox/${client.id}`, { stop_at_ms: Date.now() + MINUTE_MS }],
      ["PATCH", egressPath(client.id), { allow: [] }],
      ["POST", `/api/v1/sandboxes/${client.id}/fork`, {}],
      ["POST", `/api/v1/sandboxes/${client.id}/pause`, {}],
      ["POST", `/api/v1/sandboxes/${client.id}/snapshot`, { slug: "abc" }],
    ] as const) {
      const answer = await fixture.request(method, path, { body });
      assert.equal(((await answer.json()) as { code: string }).code, "SANDBOX_PAUSED", `${method} ${path}`);
    }
    const list = await fixture.get<SandboxDetail[]>("/api/v1/sandboxes?status=paused");
    assert.deepEqual(
      list.map(({ id, status, pausedAt }) => [id, status, typeof pausedAt]),
      [[client.id, "paused", "string"]],
    );
    assert.equal((await fixture.get<SandboxMetadata[]>("/api/v2/sandboxes"))[0]!.status, "paused");

    const resumed = await resume(fixture, client.id);
    assert.equal(resumed.status, 200, JSON.stringify(resumed.body));
    assert.equal(resumed.body.status, "running");
    await assertKept(fixture, client.id);
    assert.deepEqual(told(fixture, client.id), before, "the same placeholders for the same policy");
    assert.equal((await resume(fixture, client.id)).body.code, "SANDBOX_NOT_PAUSED");
    const told2 = await events(fixture, 2, "sandbox.paused", "sandbox.resumed");
    assert.deepEqual(
      told2.map(({ kind, outcome, actor }) => [kind, outcome, actor.kind]),
      [
        ["sandbox.paused", "ok", "token"],
        ["sandbox.resumed", "ok", "token"],
      ],
    );
    assert.equal((await fork(fixture, client.id)).status, 201, "it can be forked again");
  });

  test("survives a restart of the server, and any client with the right resumes it", async () => {
    await using fixture = await Fixture.start();
    const [kept, session] = [await create(fixture, lasting), await create(fixture, { secrets: { KEY } })];
    for (const client of [kept, session]) {
      await setKept(client);
      assert.equal((await pause(fixture, client.id)).status, 200);
    }
    await fixture.server.close();
    await fixture.start();
    assert.equal((await refusal(join(fixture, kept.id))).body.code, "SANDBOX_PAUSED");
    const reader = await fixture.token({ scope: "read" });
    const stranger = await fixture.token({ organisation: "other" });
    const runner = await fixture.token({ scope: "run" });
    assert.equal((await resume(fixture, kept.id, {}, reader.token)).body.code, "FORBIDDEN");
    assert.equal((await resume(fixture, kept.id, {}, stranger.token)).body.code, "SANDBOX_NOT_FOUND");
    assert.equal((await pause(fixture, kept.id, reader.token)).body.code, "FORBIDDEN");
    for (const { id } of [kept, session]) {
      assert.equal((await resume(fixture, id, {}, runner.token)).status, 200);
      await assertKept(fixture, id);
    }
    assert.equal(told(fixture, session.id).secrets[0]!.name, "KEY");
    // Also without a stop, and again.
    assert.equal((await pause(fixture, kept.id)).status, 200);
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    assert.equal((await resume(fixture, kept.id)).status, 200);
    await assertKept(fixture, kept.id);
  });

  test("keeps the time that it had left, or gets what is asked for", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { timeout: "20m" });
    const { body } = await pause(fixture, client.id);
    const week = 7 * 24 * 60 * MINUTE_MS;
    assert.ok(Math.abs(Date.parse(body.stopAt!) - Date.now() - week) < MINUTE_MS, "until it is removed");
    const left = Date.parse((await resume(fixture, client.id)).body.stopAt!) - Date.now();
    assert.ok(left > 18 * MINUTE_MS && left <= 20 * MINUTE_MS, String(left));
    await pause(fixture, client.id);
    assert.equal((await resume(fixture, client.id, { timeout: "5000m" })).body.code, "INVALID_TIMEOUT");
    const asked = Date.parse((await resume(fixture, client.id, { timeout: "2m" })).body.stopAt!) - Date.now();
    assert.ok(asked > MINUTE_MS && asked <= 2 * MINUTE_MS, String(asked));
  });

  test("is removed with everything when it is killed", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { ...lasting, secrets: { KEY } });
    await pause(fixture, client.id);
    assert.equal((await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`)).status, 204);
    assert.equal((await stopped(fixture, client.id)).data.why, "killed");
    assert.deepEqual(await readdir(joinPath(fixture.dir, "machines")), []);
    const { status, stopReason, pausedAt } = await detail(fixture, client.id);
    assert.deepEqual([status, stopReason, pausedAt], ["stopped", "killed", null]);
    assert.equal((await resume(fixture, client.id)).body.code, "SANDBOX_NOT_FOUND");
    assert.equal((await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`)).status, 404);
  });

  test("does not count as running; there is a limit of its own", async () => {
    await using fixture = await Fixture.start({ limits: { sandboxesPerOrganisation: 1, pausedPerOrganisation: 1 } });
    const first = await create(fixture, lasting);
    await pause(fixture, first.id);
    const second = await create(fixture, lasting);
    assert.equal((await resume(fixture, first.id)).body.code, "CONCURRENCY_LIMIT");
    const refused = await pause(fixture, second.id);
    assert.deepEqual([refused.status, refused.body.code], [429, "PAUSED_LIMIT"]);
    assert.ok("ok" in ((await second.call("envToObject", {})) as object), "it goes on");
    await fixture.request("DELETE", `/api/v3/sandbox/${second.id}`);
    assert.equal((await resume(fixture, first.id)).status, 200);
    assert.equal((await pause(fixture, first.id)).status, 200);
    // The limits hold after a restart, too.
    await fixture.server.close();
    await fixture.start({ limits: { sandboxesPerOrganisation: 1, pausedPerOrganisation: 1 } });
    assert.equal((await pause(fixture, (await create(fixture, lasting)).id)).body.code, "PAUSED_LIMIT");
  });

  test("that its host has no room for stays paused", async () => {
    await using fixture = await Fixture.start({}, { capacity: 1 });
    const first = await create(fixture, lasting);
    await setKept(first);
    await pause(fixture, first.id);
    const second = await create(fixture, lasting);
    assert.equal((await resume(fixture, first.id)).body.code, "NO_CAPACITY");
    assert.equal((await refusal(join(fixture, first.id))).body.code, "SANDBOX_PAUSED");
    await fixture.request("DELETE", `/api/v3/sandbox/${second.id}`);
    assert.equal((await resume(fixture, first.id)).status, 200);
    await assertKept(fixture, first.id);
  });
});

describe("at the same time", () => {
  test("of several who pause, resume or kill a sandbox, one wins and the others are told why not", async () => {
    await using fixture = await Fixture.start();
    for (let round = 0; round < 5; round++) {
      const { id } = await create(fixture, lasting);
      const pauses = await Promise.all(Array.from({ length: 4 }, () => pause(fixture, id)));
      assert.deepEqual(codes(pauses).ok, 1, JSON.stringify(codes(pauses)));
      assert.ok(codes(pauses).refusals.every((code) => ["CHANGED_MEANWHILE", "SANDBOX_PAUSED"].includes(code)));
      const resumes = await Promise.all(Array.from({ length: 4 }, () => resume(fixture, id)));
      assert.equal(codes(resumes).ok, 1, JSON.stringify(codes(resumes)));
      assert.ok(codes(resumes).refusals.every((code) => ["CHANGED_MEANWHILE", "SANDBOX_NOT_PAUSED"].includes(code)));
      const [paused, killed, forked] = await Promise.all([
        pause(fixture, id),
        fixture.request("DELETE", `/api/v3/sandbox/${id}`),
        fork(fixture, id),
      ]);
      assert.equal(killed.status, 204, `${paused.status}`);
      assert.equal((await detail(fixture, id)).status, "stopped");
      for (const child of forked.status === 201 ? forked.body : [])
        await fixture.request("DELETE", `/api/v3/sandbox/${child.id}`);
      assert.deepEqual(await readdir(joinPath(fixture.dir, "machines")), []);
    }
  });

  test("whoever kills a paused sandbox is told that it has ended, also if somebody else was first", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture, lasting);
    await pause(fixture, id);
    const kills = await Promise.all([1, 2, 3].map(() => fixture.request("DELETE", `/api/v3/sandbox/${id}`)));
    assert.deepEqual(
      kills.map(({ status }) => status),
      [204, 204, 204],
    );
  });

  test("a request whose body arrives while the sandbox is paused says so", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture, lasting);
    const late = (method: string, path: string, body: unknown) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writer = writable.getWriter();
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      // Its headers arrive with this.
      void writer.write(bytes.subarray(0, 1));
      const init = {
        method,
        body: readable,
        duplex: "half",
        headers: { authorization: `Bearer ${fixture.server.token}` },
      };
      const answer = fetch(new URL(path, fixture.origin), init as RequestInit);
      return async () => {
        void writer.write(bytes.subarray(1));
        await writer.close();
        return ((await (await answer).json()) as { code: string }).code;
      };
    };
    const requests = [
      late("PATCH", egressPath(id), { allow: [] }),
      late("PUT", `${egressPath(id)}/secrets/KEY`, { value: "value", hosts: ["a.example"] }),
      late("POST", `/api/v1/sandboxes/${id}/volumes`, { volume: "data", path: "/data" }),
      late("POST", `/api/v1/sandboxes/${id}/snapshot`, { slug: "abc" }),
    ];
    assert.equal((await pause(fixture, id)).status, 200);
    for (const finish of requests) assert.equal(await finish(), "SANDBOX_PAUSED");
  });

  test("a session whose client leaves while it is being paused stays paused", async () => {
    const pausing = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    let armed = false;
    const waitAtGate = async () => {
      if (armed) pausing.resolve();
      if (armed) await gate.promise;
    };
    await using fixture = await Fixture.start({}, { gate: waitAtGate });
    const client = await create(fixture);
    await setKept(client);
    armed = true;
    const paused = pause(fixture, client.id);
    await pausing.promise;
    assert.equal((await refusal(join(fixture, client.id))).body.code, "CHANGED_MEANWHILE");
    client.socket.close();
    await client.closed;
    gate.resolve();
    assert.equal((await paused).status, 200);
    armed = false;
    assert.equal((await resume(fixture, client.id)).body.stopAt, null);
    await assertKept(fixture, client.id);
  });
});

const codes = (answers: { status: number; body: { code: string } }[]) => ({
  ok: answers.filter(({ status }) => status < 300).length,
  refusals: answers.filter(({ status }) => status >= 300).map(({ body }) => body.code),
});

test("a session that nobody connects to after it was resumed is paused again", async () => {
  await using fixture = await Fixture.start({ limits: { creatorTimeoutMs: 100 } });
  const client = await create(fixture);
  await setKept(client);
  await pause(fixture, client.id);
  assert.equal((await resume(fixture, client.id)).body.stopAt, null);
  const paused = await events(fixture, 2, "sandbox.paused");
  assert.deepEqual(
    paused.map(({ data }) => (data as { why: string }).why),
    ["requested", "client-closed"],
  );
  assert.equal((await resume(fixture, client.id, lasting)).status, 200);
  await assertKept(fixture, client.id);
});

test("with another key, a paused sandbox loses its secrets, not its policy, and it is said", async () => {
  await using fixture = await Fixture.start();
  const { id } = await create(fixture, { ...lasting, allow_net: ["a.example"], secrets: { KEY } });
  await pause(fixture, id);
  await fixture.server.close();
  await rm(joinPath(fixture.dir, "data", "egress", "secrets.key"));
  // The second start finds the new key in order.
  await fixture.start();
  await fixture.server.close();
  await fixture.start();
  assert.equal((await resume(fixture, id)).status, 200);
  assert.deepEqual(told(fixture, id), { policy: { allow: ["a.example"], deny: [], rules: [] }, secrets: [] });
  const [event] = await events(fixture, 1, "egress.changed");
  assert.match((event!.data as { error: string }).error, /KEY are lost/);
});

test("a sandbox that has been paused for too long is removed", async () => {
  await using fixture = await Fixture.start();
  const client = await create(fixture, lasting);
  await pause(fixture, client.id);
  await fixture.server.close();
  // A moment, in hours: long over when the next start looks.
  await fixture.start({ limits: { keepPausedHours: 1 / 3_600_000 } });
  assert.equal((await stopped(fixture, client.id)).data.why, "timeout");
  assert.deepEqual(await readdir(joinPath(fixture.dir, "machines")), []);
});
