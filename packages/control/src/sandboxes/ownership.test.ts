/** Several control planes on one store, and several hosts under one: neither affects the other's sandboxes. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { SandboxDetail } from "@sandkeep/protocol";
import { sharedAgent } from "../testing/agent-binary.ts";
import { join as connect, create } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { pause, resume } from "../testing/forks.ts";
import { ProcessHost } from "../testing/process-host.ts";

/** A folder for what servers share. */
async function shared(): Promise<{ dir: string; databaseFile: string } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-shared-"));
  const databaseFile = join(dir, "shared.db");
  return { dir, databaseFile, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

const lasting = { timeout: "5m" };
const statusOf = async (fixture: Fixture, id: string) =>
  (await fixture.get<SandboxDetail>(`/api/v1/sandboxes/${id}`)).status;
const works = async (fixture: Fixture, id: string) =>
  assert.ok("ok" in ((await (await connect(fixture, id)).call("envSet", { key: "A", value: "1" })) as object));

describe("two control planes on one store", () => {
  test("with a host each: starts and stops of one leave the other's sandboxes alone", async () => {
    await using store = await shared();
    const { databaseFile } = store;
    await using one = await Fixture.start({}, { id: "host_1" }, { databaseFile });
    const [kept, session] = [await create(one, lasting), await create(one)];
    await using two = await Fixture.start({}, { id: "host_2" }, { databaseFile });
    const theirs = await create(two, lasting);
    await two.server.close({ leaveRunning: true });
    await two.start({}, { id: "host_2" }, { databaseFile });
    for (const id of [kept.id, session.id]) await works(one, id);
    await works(two, theirs.id);
    await one.server.close({ leaveRunning: true });
    await one.start({}, { id: "host_1" }, { databaseFile });
    await works(one, kept.id);
    await works(two, theirs.id);
    assert.deepEqual(await Promise.all([kept.id, session.id, theirs.id].map((id) => statusOf(two, id))), [
      "running",
      "stopped",
      "running",
    ]);
    // Each knows only its own machines.
    assert.deepEqual([[...one.host.machines.keys()], [...two.host.machines.keys()]], [[kept.id], [theirs.id]]);
  });

  test("with the same host: what the other has is taken over when its lease has expired, and not before", async () => {
    await using store = await shared();
    const { databaseFile } = store;
    const machines = { id: "host_1", dir: join(store.dir, "machines") };
    await using one = await Fixture.start({}, machines, { databaseFile });
    const [kept, paused] = [await create(one, lasting), await create(one)];
    assert.equal((await pause(one, paused.id)).status, 200);
    await one.server.close({ leaveRunning: true });
    await using two = await Fixture.start({}, machines, { databaseFile });
    assert.equal(two.host.machines.size, 0);
    assert.equal(await statusOf(two, kept.id), "running");
    assert.equal((await resume(two, paused.id)).body.code, "SANDBOX_NOT_FOUND");
    await two.server.close();
    const db = new DatabaseSync(databaseFile);
    db.exec("UPDATE sandboxes SET lease_expires_at = 1");
    db.close();
    await two.start({}, machines, { databaseFile });
    await works(two, kept.id);
    assert.equal((await resume(two, paused.id)).status, 200);
    await works(two, paused.id);
    // The former owner comes back, and owns nothing here any more.
    await one.start({}, machines, { databaseFile });
    assert.equal(one.host.machines.size, 0);
    await works(two, kept.id);
  });
});

test("a control plane that was stopped for longer than its leases changes no record of what another has taken over", async () => {
  await using store = await shared();
  const { databaseFile } = store;
  await using fixture = await Fixture.start({}, { id: "host_1" }, { databaseFile });
  const [killed, extended] = [await create(fixture, lasting), await create(fixture, lasting)];
  using db = new DatabaseSync(databaseFile);
  db.exec("UPDATE sandboxes SET owner = 'cp_other'");
  const rows = () => db.prepare("SELECT * FROM sandboxes ORDER BY id").all();
  const before = rows();
  // Before its next renewal, by which it learns of that.
  assert.equal((await fixture.request("DELETE", `/api/v3/sandbox/${killed.id}`)).status, 204);
  await fixture.request("PATCH", `/api/v3/sandbox/${extended.id}`, { body: { stop_at_ms: Date.now() + 600_000 } });
  await fixture.server.close();
  assert.deepEqual(rows(), before);
  const events = db.prepare("SELECT kind FROM events WHERE kind = 'sandbox.stopped'").all();
  assert.deepEqual(events, []);
});

describe("two hosts under one control plane", () => {
  test("share what is created, and a restart finds each sandbox where it is", async () => {
    await using store = await shared();
    const agent = (await sharedAgent()).path;
    const hosts = () =>
      ["host_1", "host_2"].map((id) => new ProcessHost({ id, dir: join(store.dir, id), agent, capacity: 2 }));
    const first = hosts();
    await using fixture = await Fixture.start({}, {}, { hosts: first });
    const ids = [];
    for (let n = 0; n < 4; n++) ids.push((await create(fixture, lasting)).id);
    assert.deepEqual(
      first.map(({ machines }) => machines.size),
      [2, 2],
    );
    await fixture.server.close({ leaveRunning: true });
    const second = hosts();
    await fixture.start({}, {}, { hosts: second });
    assert.deepEqual(
      second.map(({ machines }) => [...machines.keys()].sort()),
      first.map(({ specs }) => specs.map(({ id }) => id).sort()),
    );
    for (const id of ids) await works(fixture, id);
    assert.equal((await fixture.request("DELETE", `/api/v3/sandbox/${ids[0]}`)).status, 204);
    for (const id of ids.slice(1)) await works(fixture, id);
  });

  test("that claim to be the same are refused", async () => {
    await using store = await shared();
    const agent = (await sharedAgent()).path;
    const hosts = ["a", "b"].map((name) => new ProcessHost({ id: "host_1", dir: join(store.dir, name), agent }));
    await assert.rejects(Fixture.start({}, {}, { hosts }), /same id/);
  });
});
