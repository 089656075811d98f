import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { SandboxDetail, SandboxEvent } from "@sandkeep/protocol";
import { create, refusal } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { detail, events, resume } from "../testing/forks.ts";
import { assertKept, setKept } from "../testing/kept.ts";
import { stopped } from "../testing/stopped.ts";

const lasting = { timeout: "5m" };
const MINUTE_MS = 60_000;

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

  test("pause: nobody waits for sandboxes of another organisation, whatever they do while they are paused", async () => {
    const hanging = new Set<string>();
    const gate = async ({ id }: { id: string }) => {
      if (hanging.has(id)) await new Promise<never>(() => {});
    };
    await using fixture = await Fixture.start({ limits: { stopTimeoutMs: 100 } }, { gate });
    const { token } = await fixture.token({ organisation: "other" });
    for (let n = 0; n < 5; n++) {
      const client = await create(fixture, { on_idle: "pause" }, { token });
      hanging.add(client.id);
      client.socket.close();
      await client.closed;
    }
    const mine = await create(fixture, { on_idle: "pause" });
    await setKept(mine);
    mine.socket.close();
    assert.deepEqual(await why(fixture, 1), ["client-closed"]);
    assert.equal((await resume(fixture, mine.id)).status, 200);
    await assertKept(fixture, mine.id);
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
    const { data } = await stopped(fixture, client.id);
    assert.equal(data.why, "client-closed");
    assert.match(data.detail!, /could not be paused: PAUSED_LIMIT/);
  });

  test("pause: what cannot be paused for a moment is paused a moment later", async () => {
    let failures = 0;
    const gate = async () => {
      if (failures-- > 0) throw new Error("the computer is busy");
    };
    await using fixture = await Fixture.start({}, { gate });
    const client = await create(fixture, { on_idle: "pause" });
    await setKept(client);
    failures = 1;
    client.socket.close();
    assert.deepEqual(await why(fixture, 2), ["client-closed", "client-closed"]);
    assert.equal((await resume(fixture, client.id)).status, 200);
    await assertKept(fixture, client.id);
  });

  test("pause: a server that is stopped pauses a few at a time, and all of them", async () => {
    let [now, most] = [0, 0];
    let armed = false;
    const several = Promise.withResolvers<void>();
    const gate = async () => {
      if (!armed) return;
      most = Math.max(most, ++now);
      if (now === 4) several.resolve();
      await several.promise;
      await setImmediate();
      now--;
    };
    await using fixture = await Fixture.start({}, { gate });
    for (let n = 0; n < 10; n++) await create(fixture, { on_idle: "pause" });
    armed = true;
    await fixture.server.close();
    assert.equal(most, 4);
    await fixture.start();
    assert.equal((await fixture.get<SandboxDetail[]>("/api/v1/sandboxes?status=paused")).length, 10);
  });

  test("an idle time that is none, or an unknown wish, is refused", async () => {
    await using fixture = await Fixture.start();
    for (const config of [{ idle: "soon" }, { idle: "0s" }, { on_idle: "sleep" }])
      assert.equal((await refusal(create(fixture, config))).body.code, "INVALID_CONFIG", JSON.stringify(config));
  });
});
