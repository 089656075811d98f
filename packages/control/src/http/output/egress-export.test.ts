import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, test } from "node:test";
import { getRequestListener } from "@hono/node-server";
import type { HttpEvent } from "@sandkeep/egress";
import type { SandboxEvent } from "@sandkeep/protocol";
import type { EventRecord, Store } from "@sandkeep/store";
import { z } from "zod";
import type { EventBus } from "../../events/bus.ts";
import { create } from "../../testing/client.ts";
import { connection, dns, http } from "../../testing/egress-events.ts";
import { Fixture } from "../../testing/fixture.ts";
import { exportEgress } from "./egress-export.ts";

describe("the export", async () => {
  async function filled(): Promise<{ fixture: Fixture; id: string }> {
    const fixture = await Fixture.start();
    const { id } = await create(fixture);
    const events = [
      http,
      connection,
      {
        ...http,
        status: null,
        verdict: "failed",
        reason: "refused",
        host: "2001:db8::1",
        port: 8_443,
        path: "/a b",
        protocol: "websocket",
        process: null,
        address: null,
      } as HttpEvent,
      dns,
    ];
    for (const event of events) await fixture.host.emitEgress(id, event);
    return { fixture, id };
  }

  test("as JSON Lines has every event, oldest first", async () => {
    const { fixture, id } = await filled();
    await using _ = fixture;
    const response = await fixture.request("GET", `/api/v1/sandboxes/${id}/egress/log`);
    assert.match(response.headers.get("content-disposition") ?? "", new RegExp(`${id}\\.jsonl`));
    const lines = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as SandboxEvent);
    assert.deepEqual(
      lines.map(({ kind }) => kind),
      ["http", "connection", "http", "dns"],
    );
    const none = await fixture.request("GET", `/api/v1/sandboxes/${id}/egress/log?until=${new Date(0).toISOString()}`);
    assert.equal(await none.text(), "");
    assert.equal((await fixture.request("GET", `/api/v1/sandboxes/${id}/egress/log?format=xml`)).status, 400);
  });

  test("as HAR is valid, and has neither bodies nor values of the query", async () => {
    const { fixture, id } = await filled();
    await using _ = fixture;
    const har = harSchema.parse(await fixture.get(`/api/v1/sandboxes/${id}/egress/log?format=har`));
    assert.deepEqual(
      har.log.entries.map(({ request }) => request.url),
      ["https://api.example/v1/models", "https://[2001:db8::1]:8443/a b"],
    );
    assert.deepEqual(har.log.entries[0]?.request.queryString, [{ name: "page", value: "" }]);
    assert.deepEqual(
      har.log.entries.map(({ response }) => response.status),
      [201, 0],
    );
    const empty = await create(fixture);
    assert.deepEqual(
      harSchema.parse(await fixture.get(`/api/v1/sandboxes/${empty.id}/egress/log?format=har`)).log.entries,
      [],
    );
  });

  test("is read from the store as fast as the client reads, however much there is", async () => {
    let pages = 0;
    const page = Array.from({ length: 500 }, (): EventRecord => {
      const { kind, ...data } = http;
      return {
        id: "evt_1",
        time: 1,
        organisation: "o",
        sandbox: "s",
        kind,
        outcome: "ok",
        actor: { kind: "machine" },
        data: { ...data, path: "/".padEnd(1_000, "x") },
      };
    });
    // An endless store.
    const store = { events: { list: async () => (pages++, page) } } as unknown as Store;
    const events = { flush: async () => {} } as unknown as EventBus;
    const server = createServer(
      getRequestListener(
        () => exportEgress({ events, store, version: "1" }, "har", { organisation: "o", sandbox: "s" }, "o"),
        { overrideGlobalObjects: false },
      ),
    );
    await once(server.listen(0, "127.0.0.1"), "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    // More than enough to notice a server that ignores whether anybody reads.
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
    // And it ends when its client does.
    await new Promise((resolve) => server.close(resolve));
  });
});

/** HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/): fields it does not know have to begin with `_`. */
const har = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z
    .object(shape)
    .loose()
    .refine(
      (value) => Object.keys(value).every((key) => key in shape || key.startsWith("_")),
      "a field that HAR does not know",
    );
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
        request: har({
          method: z.string(),
          url: z.string(),
          httpVersion: z.string(),
          cookies,
          headers: pairs,
          queryString: pairs,
          headersSize: z.int(),
          bodySize: z.int(),
        }),
        response: har({
          status: z.int(),
          statusText: z.string(),
          httpVersion: z.string(),
          cookies,
          headers: pairs,
          content: har({ size: z.int(), mimeType: z.string() }),
          redirectURL: z.string(),
          headersSize: z.int(),
          bodySize: z.int(),
        }),
        cache: har({}),
        timings: har({
          send: z.number().nonnegative(),
          wait: z.number().nonnegative(),
          receive: z.number().nonnegative(),
        }),
        serverIPAddress: z.string().optional(),
      }),
    ),
  }),
});
