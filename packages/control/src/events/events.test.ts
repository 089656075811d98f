import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventSchema, type SandboxEvent } from "@sandkeep/protocol";
import { create, join } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { EventClock } from "./clock.ts";

/** Follows the stream until it has this many events. */
async function follow(
  fixture: Fixture,
  query: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<{ ids: string[]; events: SandboxEvent[] }> {
  const response = await fixture.request("GET", `/api/v1/events/stream${query}`, { headers });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const ids: string[] = [];
  const events: SandboxEvent[] = [];
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === undefined) continue;
      ids.push(/^id: (.*)$/m.exec(block)?.[1] ?? "");
      events.push(JSON.parse(data) as SandboxEvent);
    }
    if (events.length >= count) break;
  }
  return { ids, events };
}

describe("events", async () => {
  test("tell a sandbox's whole life, in order, with actor and outcome", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture, { labels: { job: "1" }, timeout: "5m" });
    const guest = await join(fixture, client.id);
    guest.socket.close();
    await guest.closed;
    await fixture.request("PATCH", `/api/v3/sandbox/${client.id}`, { body: { stop_at_ms: Date.now() + 600_000 } });
    const spawned = (await client.call("spawn", {
      command: "sh",
      args: ["-c", "exit 3"],
      stdout: "null",
      stderr: "null",
    })) as { ok: { pid: number } };
    await client.call("processWait", { pid: spawned.ok.pid });
    await client.call("writeTextFile", { path: "note.txt", content: "hello" });
    await fixture.request("DELETE", `/api/v3/sandbox/${client.id}`);
    await client.closed;
    const { events } = await follow(fixture, `?sandbox=${client.id}&after=evt_0`, 9);
    assert.deepEqual(events.map(({ kind }) => kind).sort(), [
      "command",
      "connection.closed",
      "connection.closed",
      "connection.opened",
      "connection.opened",
      "file.written",
      "sandbox.created",
      "sandbox.extended",
      "sandbox.stopped",
    ]);
    assert.deepEqual(
      events.map(({ id }) => id),
      events.map(({ id }) => id).sort(),
    );
    for (const event of events) {
      assert.deepEqual(eventSchema.safeParse(event).error, undefined, JSON.stringify(event));
      assert.equal(event.org, "default");
      assert.equal(event.sandbox, client.id);
      assert.equal(event.actor.kind, "token");
    }
    const command = events.find((event) => event.kind === "command");
    assert.deepEqual(command?.data.argv, ["sh", "-c", "exit 3"]);
    assert.equal(command?.data.exitCode, 3);
    assert.ok((command?.data.durationMs ?? -1) >= 0);
    const written = events.find((event) => event.kind === "file.written");
    assert.equal(written?.data.path, "note.txt");
    assert.equal(written?.data.bytes, 5);
  });

  test("are on disk soon after, without anybody asking", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    const { events } = await follow(fixture, `?sandbox=${client.id}&after=evt_0`, 2);
    assert.equal(events[0]?.kind, "sandbox.created");
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(`${fixture.dir}/data/sandkeep.db`, { readOnly: true });
    // Following flushes earlier events; this reads the file itself.
    assert.deepEqual(
      db
        .prepare("SELECT kind FROM events ORDER BY id")
        .all()
        .map((row) => row.kind),
      ["sandbox.created", "connection.opened"],
    );
    db.close();
  });

  test("come in pages, by filter, newest first or oldest first", async () => {
    await using fixture = await Fixture.start();
    const made = [await create(fixture), await create(fixture), await create(fixture)];
    const first = await fixture.request("GET", "/api/v1/events?kind=sandbox.created&limit=2");
    const page = (await first.json()) as SandboxEvent[];
    assert.deepEqual(
      page.map(({ sandbox }) => sandbox),
      [made[2]!.id, made[1]!.id],
    );
    const link = /<(.*)>/.exec(first.headers.get("link") ?? "")?.[1] as string;
    const rest = await fixture.get<SandboxEvent[]>(new URL(link).pathname + new URL(link).search);
    assert.deepEqual(
      rest.map(({ sandbox }) => sandbox),
      [made[0]!.id],
    );
    const oldest = await fixture.get<SandboxEvent[]>(
      `/api/v1/events?kind=sandbox.created&order=oldest-first&since=${page[1]!.time}`,
    );
    assert.ok(oldest.some(({ sandbox }) => sandbox === made[2]!.id));
    assert.deepEqual(await fixture.get(`/api/v1/events?until=${new Date(0).toISOString()}`), []);
    assert.deepEqual(await fixture.get("/api/v1/events?sandbox=nobody"), []);
  });

  test("are followed without a gap from the last one seen", async () => {
    await using fixture = await Fixture.start();
    const client = await create(fixture);
    const { ids } = await follow(fixture, "?after=evt_0", 2);
    const resumed = follow(fixture, "", 41, { "last-event-id": ids[0] as string });
    for (let i = 0; i < 40; i++) await client.call("writeTextFile", { path: `file-${i}`, content: "" });
    const { events } = await resumed;
    assert.equal(events[0]?.kind, "connection.opened");
    assert.deepEqual(
      events.slice(1).map((event) => event.kind === "file.written" && event.data.path),
      Array.from({ length: 40 }, (_, i) => `file-${i}`),
    );
  });

  test("of failures say why", async () => {
    await using fixture = await Fixture.start({}, { capacity: 0 });
    await create(fixture).catch(() => {});
    const [event] = await fixture.get<(SandboxEvent & { kind: "sandbox.created" })[]>("/api/v1/events");
    assert.equal(event?.outcome, "failed");
    assert.equal(event?.data.error, "NO_CAPACITY");
  });
});

test("the ids of events sort by time, also within a millisecond and when the clock steps back", () => {
  const clock = new EventClock();
  const ids = [1_000, 1_000, 1_001, 500, 1_001, 2_000].map((now) => clock.next(now).id);
  for (let i = 0; i < 100_000; i++) ids.push(clock.next(3_000).id);
  assert.deepEqual(ids, [...ids].sort());
  assert.equal(new Set(ids).size, ids.length);
});
