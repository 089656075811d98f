/** What a server finds that was killed, or that lost its sandboxes, while it paused or resumed them. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { sharedAgent } from "../testing/agent-binary.ts";
import { create, join } from "../testing/client.ts";
import { KEY, told } from "../testing/egress.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, events, pause, resume } from "../testing/forks.ts";
import { assertKept, setKept } from "../testing/kept.ts";
import { ProcessHost } from "../testing/process-host.ts";

const lasting = { timeout: "5m" };
const MINUTE_MS = 60_000;

/** What the database says, beside the server or without one. */
function database({ dir }: Fixture): DatabaseSync {
  return new DatabaseSync(joinPath(dir, "data", "sandkeep.db"));
}

/** The host of a server that does not run now, to bring it to where it is just before the store is told. */
async function hostOf({ dir }: Fixture): Promise<{ host: ProcessHost; owner: string }> {
  const host = new ProcessHost({ dir: joinPath(dir, "machines"), agent: (await sharedAgent()).path });
  return { host, owner: (await readFile(joinPath(dir, "data", "control-plane-id"), "utf8")).trim() };
}

/** Leaves a sandbox as a server does that is killed when its machine has just been resumed. Resolves to its id. */
async function killedWhileResuming(fixture: Fixture): Promise<string> {
  const { id } = await create(fixture);
  await setKept(await join(fixture, id));
  await pause(fixture, id);
  await fixture.server.close();
  const { host, owner } = await hostOf(fixture);
  await host.resume({ id, owner, keep: true });
  host.machines.get(id)!.release();
  return id;
}

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
    const { host, owner } = await hostOf(fixture);
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

  test("while it resumed a session finds it running; a session that was resumed ends with its server", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture);
    await pause(fixture, id);
    const resumed = mock.method(fixture.host, "resume");
    assert.equal((await resume(fixture, id)).body.stopAt, null);
    assert.equal(resumed.mock.calls[0]!.arguments[0].keep, true);
    const keep = () => readFile(joinPath(fixture.dir, "machines", id, "keep"), "utf8");
    while ((await keep()) !== "false") await setImmediate();
  });

  test("while it resumed a session with a timeout finds it running, with time to do something", async () => {
    await using fixture = await Fixture.start();
    const id = await killedWhileResuming(fixture);
    await fixture.start();
    const { status, stopAt } = await detail(fixture, id);
    assert.equal(status, "running");
    assert.ok(Date.parse(stopAt!) > Date.now() + 4 * MINUTE_MS, String(stopAt));
    await assertKept(fixture, id);
  });

  test("and is back after the time of a sandbox that pauses by itself pauses it", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { ...lasting, on_idle: "pause", secrets: { KEY } });
    await setKept(client);
    await fixture.server.close({ leaveRunning: true });
    using db = database(fixture);
    db.exec("UPDATE sandboxes SET stop_at = 7");
    await fixture.start();
    const [event] = await events(fixture, 1, "sandbox.paused");
    assert.deepEqual([event!.outcome, (event!.data as { why: string }).why], ["ok", "timeout"]);
    assert.equal((await resume(fixture, client.id)).status, 200);
    await assertKept(fixture, client.id);
    assert.equal(told(fixture, client.id).secrets[0]!.name, "KEY");
  });

  test("while it paused a session, which then runs without a client, pauses it", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, lasting);
    await setKept(client);
    await fixture.server.close({ leaveRunning: true });
    // As it is while its machine is paused: the next test looks.
    using db = database(fixture);
    db.exec("UPDATE sandboxes SET stop_at = NULL, pausing_at = 7");
    // It had a place among the paused ones, which others may have taken.
    await fixture.start({ limits: { pausedPerOrganisation: 0 } });
    const [event] = await events(fixture, 1, "sandbox.paused");
    assert.equal(event!.outcome, "ok", JSON.stringify(event));
    assert.deepEqual((await resume(fixture, client.id)).body.stopAt, null);
    await assertKept(fixture, client.id);
  });

  test("while it resumed a sandbox, of which nobody may know, pauses it again instead of ending it", async () => {
    await using fixture = await Fixture.start();
    const id = await killedWhileResuming(fixture);
    await fixture.start({ limits: { maxLifetimeMs: 1_000 } });
    const [, again] = await events(fixture, 2, "sandbox.paused");
    assert.deepEqual([again!.outcome, (again!.data as { why: string }).why], ["ok", "timeout"]);
    await fixture.server.close();
    await fixture.start();
    assert.equal((await resume(fixture, id)).status, 200);
    await assertKept(fixture, id);
  });

  test("while it paused a sandbox with a duration, which then runs, lets it go on, even if its time is up", async () => {
    await using fixture = await Fixture.start();
    const clients = [await create(fixture, { timeout: "20m" }), await create(fixture, lasting)];
    for (const client of clients) await setKept(client);
    const [early, late] = clients.map(({ id }) => id);
    await fixture.server.close({ leaveRunning: true });
    using db = database(fixture);
    db.exec("UPDATE sandboxes SET pausing_at = 7");
    db.prepare("UPDATE sandboxes SET stop_at = 8 WHERE id = ?").run(late!);
    await fixture.start();
    const left = async (id: string) => Date.parse((await detail(fixture, id)).stopAt!) - Date.now();
    assert.ok((await left(early!)) > 18 * MINUTE_MS);
    assert.ok((await left(late!)) > 4 * MINUTE_MS);
    for (const { id } of clients) await assertKept(fixture, id);
    assert.deepEqual(db.prepare("SELECT count(pausing_at) AS n FROM sandboxes").get()!.n, 0);
    // That is stored, too.
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    await assertKept(fixture, late!);
  });

  test("finds all that it needs for a session that was being paused, and nothing if that had failed", async () => {
    let during = async () => {};
    let armed = false;
    const gate = async () => (armed ? await during() : undefined);
    await using fixture = await Fixture.start({}, { gate });
    const client = await create(fixture, { secrets: { KEY } });
    using db = database(fixture);
    const stored = async () => ({
      keep: await readFile(joinPath(fixture.dir, "machines", client.id, "keep"), "utf8"),
      pausing: db.prepare("SELECT pausing_at FROM sandboxes").get()!.pausing_at !== null,
      secrets: db.prepare("SELECT count(*) AS n FROM sandbox_egress").get()!.n,
    });
    const running = { keep: "false", pausing: false, secrets: 0 };
    assert.deepEqual(await stored(), running);
    let seen: unknown;
    during = async () => {
      seen = await stored();
      throw new Error("the disk fails");
    };
    armed = true;
    assert.equal((await pause(fixture, client.id)).body.code, "INTERNAL");
    assert.deepEqual(seen, { keep: "true", pausing: true, secrets: 1 });
    assert.deepEqual(await stored(), running);
    assert.ok("ok" in ((await client.call("envToObject", {})) as object), "it goes on");
    armed = false;
    assert.equal((await pause(fixture, client.id)).status, 200);
  });
});

test("a session that was not paused in time when the server stopped is paused after the next start", async () => {
  let armed = false;
  const pausing = Promise.withResolvers<void>();
  const gate = async () => {
    if (!armed) return;
    pausing.resolve();
    await new Promise<never>(() => {});
  };
  await using fixture = await Fixture.start({ limits: { stopTimeoutMs: 1_000 } }, { gate });
  const client = await create(fixture, { on_idle: "pause" });
  await setKept(client);
  armed = true;
  client.socket.close();
  await pausing.promise;
  await client.closed;
  await fixture.server.close();
  await fixture.start();
  // Being stopped, the server waited for what was under way.
  const outcomes = (await events(fixture, 1, "sandbox.paused")).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ["ok"]);
  assert.equal((await resume(fixture, client.id)).status, 200);
  await assertKept(fixture, client.id);
});

test("what another control plane has taken over meanwhile is not paused", async () => {
  await using fixture = await Fixture.start();
  const client = await create(fixture, lasting);
  using db = database(fixture);
  db.exec("UPDATE sandboxes SET owner = 'cp_other'");
  const before = db.prepare("SELECT * FROM sandboxes").all();
  assert.equal((await pause(fixture, client.id)).body.code, "CHANGED_MEANWHILE");
  assert.equal(fixture.host.machines.size, 1);
  assert.deepEqual(db.prepare("SELECT * FROM sandboxes").all(), before);
});

test("sessions that were being paused on a host that is not there for once are paused when it is back", async () => {
  await using fixture = await Fixture.start();
  const clients = [await create(fixture, lasting), await create(fixture, lasting)];
  for (const client of clients) await setKept(client);
  const [paused, running] = clients.map(({ id }) => id);
  await fixture.server.close({ leaveRunning: true });
  // As it is while their machines are paused: one of them got there.
  using db = database(fixture);
  db.prepare("UPDATE sandboxes SET stop_at = NULL, pausing_at = ?").run(Date.now());
  const { host, owner } = await hostOf(fixture);
  await host.adopt(owner, [paused!, running!]);
  await host.pause(paused!);
  host.machines.get(running!)!.release();
  await fixture.start({}, { id: "host_other", dir: joinPath(fixture.dir, "other") });
  for (const { id } of clients) assert.equal((await resume(fixture, id)).body.code, "HOST_NOT_READY");
  await fixture.server.close();
  await fixture.start();
  await events(fixture, 2, "sandbox.paused");
  for (const { id } of clients) {
    assert.equal((await detail(fixture, id)).status, "paused");
    assert.equal((await resume(fixture, id)).status, 200);
    await assertKept(fixture, id);
  }
});

test("a paused sandbox whose host is not there for once stays paused", async () => {
  await using fixture = await Fixture.start();
  const { id } = await create(fixture, lasting);
  await pause(fixture, id);
  await fixture.server.close();
  await fixture.start({}, { id: "host_other", dir: joinPath(fixture.dir, "other") });
  assert.equal((await detail(fixture, id)).status, "paused");
  assert.equal((await resume(fixture, id)).body.code, "HOST_NOT_READY");
  await fixture.server.close();
  await fixture.start();
  assert.equal((await resume(fixture, id)).status, 200);
});
