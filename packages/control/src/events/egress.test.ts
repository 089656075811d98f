import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventSchema, type SandboxEvent } from "@sandkeep/protocol";
import { create } from "../testing/client.ts";
import { connection, dns, http } from "../testing/egress-events.ts";
import { Fixture } from "../testing/fixture.ts";

describe("events of egress", async () => {
  test("are on disk when they are acknowledged, in order, each with its outcome", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture);
    for (const event of [http, connection, dns]) await fixture.host.emitEgress(id, event);
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(`${fixture.dir}/data/sandkeep.db`, { readOnly: true });
    assert.equal(
      db.prepare("SELECT count(*) AS n FROM events WHERE kind IN ('http', 'connection', 'dns')").get()?.n,
      3,
    );
    db.close();
    const events = await fixture.get<SandboxEvent[]>(
      `/api/v1/events?sandbox=${id}&kind=http,connection,dns&order=oldest-first`,
    );
    assert.deepEqual(
      events.map(({ kind, outcome, actor }) => [kind, outcome, actor.kind]),
      [
        ["http", "ok", "machine"],
        ["connection", "denied", "machine"],
        ["dns", "failed", "machine"],
      ],
    );
    for (const event of events) assert.equal(eventSchema.safeParse(event).error, undefined, JSON.stringify(event));
    const { kind, ...data } = http;
    assert.deepEqual((events[0] as { data: unknown }).data, data, kind);
  });

  test("of a sandbox's own words are bounded, and of an unknown sandbox are passed over", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture);
    await fixture.host.emitEgress("sbx_ord_00000000000000000000", http);
    await fixture.host.emitEgress(id, {
      ...http,
      path: "/".padEnd(100_000, "x"),
      method: "M".repeat(5_000),
      query: Array.from({ length: 1_000 }, (_, i) => `q${i}`.padEnd(1_000, "x")),
    });
    const [event] = await fixture.get<SandboxEvent[]>("/api/v1/events?kind=http");
    assert.equal(event?.kind, "http");
    assert.ok(JSON.stringify(event).length < 6_000);
    assert.equal(event.data.query.length, 32);
    assert.equal((await fixture.get<SandboxEvent[]>("/api/v1/events?kind=http")).length, 1);
  });

  test("still count when they come a little after the machine's end", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture);
    await fixture.request("DELETE", `/api/v3/sandbox/${id}`);
    await fixture.host.emitEgress(id, http);
    assert.equal((await fixture.get<SandboxEvent[]>("/api/v1/events?kind=http")).length, 1);
  });

  test("of one sandbox in masses push out its own oldest, and nothing of others", async () => {
    await using fixture = await Fixture.start({ events: { maxEgressPerSandbox: 200 } });
    const quiet = await create(fixture);
    const loud = await create(fixture);
    for (let i = 0; i < 5; i++) await fixture.host.emitEgress(quiet.id, http);
    const taken: number[] = [];
    // As a host does: the window is full all the time.
    for (let sent = 0; sent < 2_000; sent += 250) {
      await Promise.all(
        Array.from({ length: 250 }, async (_, i) => {
          await fixture.host.emitEgress(loud.id, { ...http, path: `/${sent + i}` });
          taken.push(sent + i);
        }),
      );
    }
    assert.equal(taken.length, 2_000);
    const events = await fixture.get<(SandboxEvent & { kind: "http" })[]>(
      `/api/v1/events?sandbox=${loud.id}&kind=http&limit=1000`,
    );
    assert.ok(events.length >= 200 && events.length < 220, String(events.length));
    assert.deepEqual(
      events.map(({ data }) => data.path),
      Array.from({ length: events.length }, (_, i) => `/${1_999 - i}`),
    );
    assert.equal((await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${quiet.id}&kind=http`)).length, 5);
    assert.equal(
      (await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${loud.id}&kind=sandbox.created`)).length,
      1,
    );
  });
});
