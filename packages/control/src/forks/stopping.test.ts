/** What a server that is stopped does with sandboxes that it cannot pause in time, or not now. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { SandboxDetail } from "@sandkeep/protocol";
import { create, type TestClient } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, pause, resume } from "../testing/forks.ts";
import { assertKept, setKept } from "../testing/kept.ts";

/** Sessions that are paused instead of ended, with something in their memory. */
async function sessions(fixture: Fixture, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (let n = 0; n < count; n++) {
    const client = await create(fixture, { on_idle: "pause" });
    await setKept(client);
    clients.push(client);
  }
  return clients;
}

/** Resolves when so many are paused. */
async function paused(fixture: Fixture, count: number): Promise<void> {
  while ((await fixture.get<SandboxDetail[]>("/api/v1/sandboxes?status=paused")).length < count);
}

/** Whether the next start knows that it is to be paused. */
function isExpected({ dir }: Fixture, id: string): boolean {
  using db = new DatabaseSync(join(dir, "data", "sandkeep.db"));
  return db.prepare("SELECT 1 FROM sandboxes WHERE id = ? AND pausing_at IS NOT NULL").get(id) !== undefined;
}

test("a session that was resumed and has no client yet is paused again when the server is stopped", async () => {
  await using fixture = await Fixture.start();
  const client = await create(fixture);
  await setKept(client);
  assert.equal((await pause(fixture, client.id)).status, 200);
  assert.equal((await resume(fixture, client.id)).status, 200);
  await fixture.server.close();
  await fixture.start();
  assert.equal((await resume(fixture, client.id)).status, 200);
  await assertKept(fixture, client.id);
});

test("sessions that a server gave up on when it was stopped are paused after the next start, however their pauses ended", async () => {
  const opened = Promise.withResolvers<void>();
  let armed = false;
  let asked = 0;
  const gate = async () => {
    if (!armed) return;
    const fails = ++asked % 2 === 0;
    await opened.promise;
    if (fails) throw new Error("the disk fails");
  };
  await using fixture = await Fixture.start({ limits: { stopTimeoutMs: 1_000 } }, { gate });
  const clients = await sessions(fixture, 6);
  const { host } = fixture;
  const pauses = mock.method(host, "pause");
  const close = host.close.bind(host);
  // A host waits for what is in progress. The store is closed by then.
  const hostClosed = Promise.withResolvers<void>();
  mock.method(host, "close", async (options: { leaveKept?: boolean }) => {
    opened.resolve();
    await Promise.allSettled(pauses.mock.calls.map(({ result }) => result));
    await close(options);
    hostClosed.resolve();
  });
  armed = true;
  await fixture.server.close();
  await hostClosed.promise;
  assert.equal(asked, 4, "those that waited for their turn are not begun any more");
  for (const { closed } of clients.slice(4)) assert.match((await closed).reason, /going away/);
  await fixture.start();
  await paused(fixture, 6);
  for (const { id } of clients) {
    assert.equal((await resume(fixture, id)).status, 200);
    await assertKept(fixture, id);
  }
});

test("a session that cannot be paused for a moment when the server is stopped is paused after the next start", async () => {
  let armed = false;
  const gate = async () => {
    if (armed) throw new Error("the computer is busy");
  };
  await using fixture = await Fixture.start({}, { gate });
  const [client] = await sessions(fixture, 1);
  armed = true;
  await fixture.server.close();
  assert.match((await client!.closed).reason, /going away/);
  // Being stopped at once, the next server leaves it, too, although too many are paused by now.
  await fixture.start({ limits: { pausedPerOrganisation: 0 } }, { gate });
  await fixture.server.close();
  await fixture.start({ limits: { pausedPerOrganisation: 0 } });
  await paused(fixture, 1);
  assert.equal((await resume(fixture, client!.id)).status, 200);
  await assertKept(fixture, client!.id);
});

test("what a server has left running when it was stopped is paused a few at a time by the next", async () => {
  let [now, most] = [0, 0];
  const several = Promise.withResolvers<void>();
  let gate = async () => {};
  await using fixture = await Fixture.start({}, { gate: () => gate() });
  const clients = await sessions(fixture, 6);
  gate = async () => {
    throw new Error("the computer is busy");
  };
  await fixture.server.close();
  gate = async () => {
    most = Math.max(most, ++now);
    if (now === 4) several.resolve();
    await several.promise;
    await setImmediate();
    now--;
  };
  await fixture.start({}, { gate: () => gate() });
  await paused(fixture, 6);
  assert.equal(most, 4);
  gate = async () => {};
  for (const { id } of clients) assert.equal((await resume(fixture, id)).status, 200);
});

test("one of them that is extended while it waits for that goes on", async () => {
  let asked = 0;
  const four = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  let gate = async () => {};
  await using fixture = await Fixture.start({}, { gate: () => gate() });
  const ids = (await sessions(fixture, 5)).map(({ id }) => id);
  gate = async () => {
    throw new Error("the computer is busy");
  };
  await fixture.server.close();
  gate = async () => {
    if (++asked === 4) four.resolve();
    await opened.promise;
  };
  // As one more would not be paused.
  await fixture.start({ limits: { pausedPerOrganisation: 4 } }, { gate: () => gate() });
  await four.promise;
  const extend = async (id: string) =>
    (await fixture.request("PATCH", `/api/v3/sandbox/${id}`, { body: { stop_at_ms: Date.now() + 600_000 } })).status;
  const statuses = await Promise.all(ids.map(extend));
  assert.deepEqual(statuses.toSorted(), [200, 409, 409, 409, 409]);
  opened.resolve();
  await paused(fixture, 4);
  const waiting = ids[statuses.indexOf(200)]!;
  assert.equal((await detail(fixture, waiting)).status, "running");
  await assertKept(fixture, waiting);
  assert.equal(asked, 4);
});

test("a session that is being resumed when a server is stopped, which then gives up, is paused after the next start", async () => {
  const never = new Promise<void>(() => {});
  let gate = async () => {};
  await using fixture = await Fixture.start({ limits: { stopTimeoutMs: 5_000 } }, { gate: () => gate() });
  const [client, ...others] = await sessions(fixture, 5);
  assert.equal((await pause(fixture, client!.id)).status, 200);
  const { host } = fixture;
  const asked = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<void>();
  const resumeHere = host.resume.bind(host);
  mock.method(host, "resume", async (spec: Parameters<typeof resumeHere>[0]) => {
    asked.resolve();
    await allowed.promise;
    return await resumeHere(spec);
  });
  gate = () => never;
  const resumed = resume(fixture, client!.id).catch(() => {});
  await asked.promise;
  const closed = fixture.server.close();
  for (const { id } of others) while (!isExpected(fixture, id)) await setImmediate();
  allowed.resolve();
  await Promise.all([resumed, closed]);
  // As with the process of a server.
  for (const { socket } of others) socket.terminate();
  gate = async () => {};
  await fixture.start({}, { gate: () => gate() });
  await paused(fixture, 5);
  assert.equal((await resume(fixture, client!.id)).status, 200);
  await assertKept(fixture, client!.id);
});
