import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, test } from "node:test";
import type { ConnectionEvent, DnsEvent, HttpEvent } from "@sandkeep/egress";
import { getRequestListener } from "@hono/node-server";
import { eventSchema, type SandboxEvent } from "@sandkeep/protocol";
import { pino } from "pino";
import { z } from "zod";
import { exportEgress } from "../http/egress-export.ts";
import type { EventRecord, EventStore, Store } from "../store/contract.ts";
import { create } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { EventBus } from "./bus.ts";

const common = { at: 1_767_607_200_000, durationMs: 42.5, verdict: "allowed", rule: "api.example", reason: null, process: { pid: 7, name: "curl" } } as const;
const http: HttpEvent = {
  ...common, kind: "http", protocol: "h2", scheme: "https", method: "POST", host: "api.example", port: 443, path: "/v1/models", query: ["page"], status: 201,
  bytesUp: 10, bytesDown: 2_000, secrets: ["API_KEY"], placeholders: [], address: "203.0.113.1",
};
const connection: ConnectionEvent = { ...common, kind: "connection", verdict: "denied", protocol: "tcp", host: "db.example", port: 5_432, address: null, bytesUp: 0, bytesDown: 0, reason: "not in allowNet" };
const dns: DnsEvent = { ...common, kind: "dns", verdict: "failed", name: "nowhere.example", type: "AAAA", reason: "no such name" };

describe("events of egress", async () => {
  test("are on disk when they are acknowledged, in order, each with its outcome", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture);
    for (const event of [http, connection, dns]) await fixture.host.emitEgress(id, event);
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(`${fixture.dir}/data/sandkeep.db`, { readOnly: true });
    assert.equal(db.prepare("SELECT count(*) AS n FROM events WHERE kind IN ('http', 'connection', 'dns')").get()?.["n"], 3);
    db.close();
    const events = await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${id}&kind=http,connection,dns&order=oldest-first`);
    assert.deepEqual(events.map(({ kind, outcome, actor }) => [kind, outcome, actor.kind]), [["http", "ok", "machine"], ["connection", "denied", "machine"], ["dns", "failed", "machine"]]);
    for (const event of events) assert.equal(eventSchema.safeParse(event).error, undefined, JSON.stringify(event));
    const { kind, ...data } = http;
    assert.deepEqual((events[0] as { data: unknown }).data, data, kind);
  });

  test("of a sandbox's own words are bounded, and of an unknown sandbox are passed over", async () => {
    await using fixture = await Fixture.start();
    const { id } = await create(fixture);
    await fixture.host.emitEgress("sbx_ord_00000000000000000000", http);
    await fixture.host.emitEgress(id, { ...http, path: "/".padEnd(100_000, "x"), method: "M".repeat(5_000), query: Array.from({ length: 1_000 }, (_, i) => `q${i}`.padEnd(1_000, "x")) });
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
    // As a host does it: the window is full all the time.
    for (let sent = 0; sent < 2_000; sent += 250) {
      await Promise.all(Array.from({ length: 250 }, async (_, i) => {
        await fixture.host.emitEgress(loud.id, { ...http, path: `/${sent + i}` });
        taken.push(sent + i);
      }));
    }
    assert.equal(taken.length, 2_000);
    const events = await fixture.get<(SandboxEvent & { kind: "http" })[]>(`/api/v1/events?sandbox=${loud.id}&kind=http&limit=1000`);
    assert.ok(events.length >= 200 && events.length < 220, String(events.length));
    assert.deepEqual(events.map(({ data }) => data.path), Array.from({ length: events.length }, (_, i) => `/${1_999 - i}`));
    assert.equal((await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${quiet.id}&kind=http`)).length, 5);
    assert.equal((await fixture.get<SandboxEvent[]>(`/api/v1/events?sandbox=${loud.id}&kind=sandbox.created`)).length, 1);
  });
});

describe("the bus", async () => {
  const subject = { organisation: { id: "o", slug: "o" }, sandbox: "s", actor: { kind: "system" } } as const;
  const body = { kind: "token.created", outcome: "ok", data: { token: "t", name: "n" } } as const;
  const silent = pino({ level: "silent" });

  /** A disk that takes nothing until it is told to. */
  function stuck(): { store: EventStore; written: EventRecord[]; heal: () => void; fail: () => void } {
    const written: EventRecord[] = [];
    let { promise, resolve } = Promise.withResolvers<void>();
    let failing = false;
    const store = {
      append: async (events: readonly EventRecord[]) => {
        if (failing) throw new Error("disk full");
        await promise;
        written.push(...events);
      },
    } as unknown as EventStore;
    return { store, written, heal: () => ((failing = false), resolve()), fail: () => (failing = true) };
  }

  test("drops what nobody waits for when the disk is slow, never what somebody waits for", async () => {
    const disk = stuck();
    await using bus = new EventBus(disk.store, silent);
    bus.publish(subject, body);
    const stuckWrite = bus.flush();
    let stored = 0;
    for (let i = 0; i < 25_000; i++) void bus.publishDurably(subject, body).then(() => stored++);
    for (let i = 0; i < 20_010; i++) bus.publish(subject, body);
    assert.equal(stored, 0);
    disk.heal();
    await stuckWrite;
    await bus.flush();
    assert.equal(stored, 25_000);
    assert.equal(disk.written.length, 1 + 25_000 + 20_000);
    const ids = disk.written.map(({ id }) => id);
    assert.deepEqual(ids, [...ids].sort());
  });

  test("tries again what somebody waits for when the disk refuses it", async () => {
    const disk = stuck();
    await using bus = new EventBus(disk.store, silent);
    disk.fail();
    let stored = false;
    const waiting = bus.publishDurably(subject, body).then(() => (stored = true));
    bus.publish(subject, body);
    await bus.flush();
    assert.equal(stored, false);
    disk.heal();
    await waiting;
    assert.equal(disk.written.length, 1);
  });
});

describe("the export", async () => {
  async function filled(): Promise<{ fixture: Fixture; id: string }> {
    const fixture = await Fixture.start();
    const { id } = await create(fixture);
    const events = [http, connection, { ...http, status: null, verdict: "failed", reason: "refused", host: "2001:db8::1", port: 8_443, path: "/a b", protocol: "websocket", process: null, address: null } as HttpEvent, dns];
    for (const event of events) await fixture.host.emitEgress(id, event);
    return { fixture, id };
  }

  test("as JSON Lines has every event, oldest first", async () => {
    const { fixture, id } = await filled();
    await using _ = fixture;
    const response = await fixture.request("GET", `/api/v1/sandboxes/${id}/egress/log`);
    assert.match(response.headers.get("content-disposition") ?? "", new RegExp(`${id}\\.jsonl`));
    const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line) as SandboxEvent);
    assert.deepEqual(lines.map(({ kind }) => kind), ["http", "connection", "http", "dns"]);
    const none = await fixture.request("GET", `/api/v1/sandboxes/${id}/egress/log?until=${new Date(0).toISOString()}`);
    assert.equal(await none.text(), "");
    assert.equal((await fixture.request("GET", `/api/v1/sandboxes/${id}/egress/log?format=xml`)).status, 400);
  });

  test("as HAR is valid, and has neither bodies nor values of the query", async () => {
    const { fixture, id } = await filled();
    await using _ = fixture;
    const har = harSchema.parse(await fixture.get(`/api/v1/sandboxes/${id}/egress/log?format=har`));
    assert.deepEqual(har.log.entries.map(({ request }) => request.url), ["https://api.example/v1/models", "https://[2001:db8::1]:8443/a b"]);
    assert.deepEqual(har.log.entries[0]?.request.queryString, [{ name: "page", value: "" }]);
    assert.deepEqual(har.log.entries.map(({ response }) => response.status), [201, 0]);
    const empty = await create(fixture);
    assert.deepEqual(harSchema.parse(await fixture.get(`/api/v1/sandboxes/${empty.id}/egress/log?format=har`)).log.entries, []);
  });

  test("is read from the store as fast as the client reads, however much there is", async () => {
    let pages = 0;
    const page = Array.from({ length: 500 }, (): EventRecord => {
      const { kind, ...data } = http;
      return { id: "evt_1", time: 1, organisation: "o", sandbox: "s", kind, outcome: "ok", actor: { kind: "machine" }, data: { ...data, path: "/".padEnd(1_000, "x") } };
    });
    // A store without end.
    const store = { events: { list: async () => (pages++, page) } } as unknown as Store;
    const events = { flush: async () => {} } as unknown as EventBus;
    const server = createServer(getRequestListener(() => exportEgress({ events, store, version: "1" }, "har", { organisation: "o", sandbox: "s" }, "o"), { overrideGlobalObjects: false }));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    // More than enough for a server that does not look whether anybody reads.
    for (let turn = 0; turn < 2_000; turn++) await new Promise((resolve) => setImmediate(resolve));
    const before = pages;
    assert.ok(before < 100, `${before} pages of about 800 kB`);
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > 50 * 1024 * 1024) socket.destroy();
    });
    socket.resume();
    await once(socket, "close");
    assert.ok(pages > before);
    // And it ends with its client.
    await new Promise((resolve) => server.close(resolve));
  });
});

/** HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/): fields it does not know have to begin with `_`. */
const har = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.object(shape).loose().refine((value) => Object.keys(value).every((key) => key in shape || key.startsWith("_")), "a field that HAR does not know");
const pairs = z.array(har({ name: z.string(), value: z.string(), comment: z.string().optional() }));
const cookies = z.array(har({ name: z.string(), value: z.string() }));
const harSchema = har({
  log: har({
    version: z.literal("1.2"),
    creator: har({ name: z.string(), version: z.string() }),
    entries: z.array(
      har({
        startedDateTime: z.iso.datetime({ offset: true }),
        time: z.number().nonnegative(),
        request: har({ method: z.string(), url: z.string(), httpVersion: z.string(), cookies, headers: pairs, queryString: pairs, headersSize: z.int(), bodySize: z.int() }),
        response: har({
          status: z.int(), statusText: z.string(), httpVersion: z.string(), cookies, headers: pairs,
          content: har({ size: z.int(), mimeType: z.string() }), redirectURL: z.string(), headersSize: z.int(), bodySize: z.int(),
        }),
        cache: har({}),
        timings: har({ send: z.number().nonnegative(), wait: z.number().nonnegative(), receive: z.number().nonnegative() }),
        serverIPAddress: z.string().optional(),
      }),
    ),
  }),
});
