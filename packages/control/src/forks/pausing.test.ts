import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import type { SandboxDetail, SandboxEvent, SandboxMetadata } from "@sandkeep/protocol";
import { sharedAgent } from "../testing/agent-binary.ts";
import { create, join, refusal } from "../testing/client.ts";
import { egressPath, KEY, told } from "../testing/egress.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, events, fork, pause, resume } from "../testing/forks.ts";
import { ProcessHost } from "../testing/process-host.ts";
import { stopped } from "../testing/stopped.ts";

const lasting = { timeout: "5m" };
const MINUTE_MS = 60_000;

async function setKept(client: { call(method: string, params: object): Promise<unknown> }): Promise<void> {
  assert.deepEqual(await client.call("envSet", { key: "KEPT", value: "yes" }), { ok: null });
}

async function assertKept(fixture: Fixture, id: string): Promise<void> {
  const client = await join(fixture, id);
  assert.deepEqual(await client.call("envGet", { key: "KEPT" }), { ok: "yes" });
}

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

describe("a server that was killed", () => {
  test("while it paused a sandbox finds it paused; while it resumed one, finds it running", async () => {
    await using fixture = await Fixture.start();
    const [pausing, resuming] = [
      await create(fixture, { ...lasting, secrets: { KEY } }),
      await create(fixture, lasting),
    ];
    await Promise.all([setKept(pausing), setKept(resuming)]);
    await pause(fixture, resuming.id);
    await fixture.server.close({ leaveRunning: true });
    // What is on disk just before the store is told.
    const host = new ProcessHost({ dir: joinPath(fixture.dir, "machines"), agent: (await sharedAgent()).path });
    const owner = (await readFile(joinPath(fixture.dir, "data", "control-plane-id"), "utf8")).trim();
    await host.adopt(owner, [pausing.id]);
    await host.pause(pausing.id);
    await host.resume({ id: resuming.id, owner, keep: true });
    host.machines.get(resuming.id)!.release();
    await fixture.start();
    assert.equal((await detail(fixture, pausing.id)).status, "paused");
    assert.equal((await resume(fixture, pausing.id)).status, 200);
    await assertKept(fixture, pausing.id);
    assert.equal((await detail(fixture, resuming.id)).status, "running");
    await assertKept(fixture, resuming.id);
  });
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

describe("onIdle", () => {
  const why = async (fixture: Fixture, count: number) =>
    (await events(fixture, count, "sandbox.paused")).map(
      ({ data }) => (data as Extract<SandboxEvent, { kind: "sandbox.paused" }>["data"]).why,
    );

  test("pause: a session whose client leaves, and a sandbox whose time is up, are paused instead of ended", async () => {
    await using fixture = await Fixture.start();
    const session = await create(fixture, { on_idle: "pause" });
    await setKept(session);
    session.socket.close();
    assert.deepEqual(await why(fixture, 1), ["client-closed"]);
    const short = await create(fixture, { timeout: "1s", on_idle: "pause" });
    assert.match((await short.closed).reason, /paused/);
    assert.deepEqual(await why(fixture, 2), ["client-closed", "timeout"]);
    assert.equal((await resume(fixture, session.id)).status, 200);
    await assertKept(fixture, session.id);
    const { stopAt, onIdle } = (await resume(fixture, short.id)).body;
    assert.equal(onIdle, "pause");
    assert.ok(Date.parse(stopAt!) > Date.now() + 4 * MINUTE_MS, "it has time to do something");
  });

  test("a sandbox without a client for the idle time is paused or ended; a client keeps it", async () => {
    await using fixture = await Fixture.start();
    const [paused, ended] = [
      await create(fixture, { ...lasting, idle: "1s", on_idle: "pause" }),
      await create(fixture, { ...lasting, idle: "1s" }),
    ];
    const kept = await create(fixture, { ...lasting, idle: "1s" });
    for (const client of [paused, ended]) client.socket.close();
    assert.deepEqual(await why(fixture, 1), ["idle"]);
    assert.equal((await stopped(fixture, ended.id)).data.why, "idle");
    assert.equal((await detail(fixture, paused.id)).status, "paused");
    assert.ok("ok" in ((await kept.call("envToObject", {})) as object));
    assert.deepEqual(
      [(await detail(fixture, kept.id)).idleMs, (await detail(fixture, kept.id)).onIdle],
      [1_000, "end"],
    );
  });

  test("pause: a server that is stopped pauses it", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { on_idle: "pause" });
    await setKept(client);
    await fixture.server.close();
    await fixture.start();
    assert.deepEqual(await why(fixture, 1), ["server-stopped"]);
    assert.equal((await resume(fixture, client.id)).status, 200);
    await assertKept(fixture, client.id);
  });

  test("pause: what cannot be paused ends", async () => {
    await using fixture = await Fixture.start({ limits: { pausedPerOrganisation: 0 } });
    const client = await create(fixture, { on_idle: "pause" });
    client.socket.close();
    assert.equal((await stopped(fixture, client.id)).data.why, "client-closed");
  });

  test("an idle time that is none, or an unknown wish, is refused", async () => {
    await using fixture = await Fixture.start();
    for (const config of [{ idle: "soon" }, { idle: "0s" }, { on_idle: "sleep" }])
      assert.equal((await refusal(create(fixture, config))).body.code, "INVALID_CONFIG", JSON.stringify(config));
  });
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
