/** What a server that is stopped does with sandboxes that it cannot pause in time, or not now. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { SandboxDetail } from "@sandkeep/protocol";
import { create, type TestClient } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { resume } from "../testing/forks.ts";
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
