import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { configHeader, open, Refused } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADE = ["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", `sec-websocket-key: ${KEY}`];

/** Sends raw bytes; returns everything received until the server closes. */
async function raw(
  fixture: Fixture,
  text: string,
): Promise<{ head: string; status: number; headers: Map<string, string>; body: string }> {
  const socket = connect(fixture.server.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(text, "latin1");
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
  socket.on("error", () => {});
  await once(socket, "close");
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const headers = new Map(
    head
      .split("\r\n")
      .slice(1)
      .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)] as const),
  );
  return { head, status: Number(head.split(" ")[1]), headers, body };
}

const upgrade = (
  fixture: Fixture,
  {
    method = "GET",
    path = "/api/v3/sandboxes/create",
    headers = [] as string[],
    handshake = UPGRADE,
    token = fixture.server.token,
  } = {},
) =>
  raw(
    fixture,
    [`${method} ${path} HTTP/1.1`, "host: x", `authorization: Bearer ${token}`, ...handshake, ...headers, "", ""].join(
      "\r\n",
    ),
  );
const config = `x-deno-sandbox-config: ${btoa('{"memory_mb":1280}')}`;

/** The head of a request that creates a sandbox. */
const creation = ({ server }: Fixture): string =>
  [
    "GET /api/v3/sandboxes/create HTTP/1.1",
    "host: x",
    `authorization: Bearer ${server.token}`,
    ...UPGRADE,
    config,
    "",
    "",
  ].join("\r\n");

describe("every answer", async () => {
  test("is JSON with code and message when it refuses, and has a trace id", async () => {
    await using fixture = await Fixture.start();
    const big = "x".repeat(1024 * 1024 + 1);
    const cases: [string, string, unknown, number, string][] = [
      ["GET", "/", undefined, 404, "NOT_FOUND"],
      ["GET", "/api/v9/nothing", undefined, 404, "NOT_FOUND"],
      ["GET", "/api/v2/sandboxes/", undefined, 404, "NOT_FOUND"],
      ["POST", "/api/v2/sandboxes", {}, 405, "METHOD_NOT_ALLOWED"],
      ["PUT", "/api/v3/sandbox/x", {}, 405, "METHOD_NOT_ALLOWED"],
      ["GET", "/api/v3/sandboxes/create", undefined, 426, "UPGRADE_REQUIRED"],
      ["GET", "/api/v3/sandbox/x/connect", undefined, 426, "UPGRADE_REQUIRED"],
      ["POST", "/api/v1/tokens", big, 413, "REQUEST_TOO_LARGE"],
      ["POST", "/api/v1/tokens", "{", 400, "INVALID_REQUEST"],
      ["GET", "/api/v3/sandboxes?limit=0", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/api/v3/sandboxes?limit=many", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/api/v3/sandboxes?cursor=garbage", undefined, 400, "INVALID_CURSOR"],
      ["GET", "/api/v3/sandboxes?labels=garbage", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/api/v1/events?cursor=garbage", undefined, 400, "INVALID_CURSOR"],
      ["GET", "/api/v1/events?since=yesterday", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/api/v1/events?kind=%27%20OR%201", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/api/v2/volumes?cursor=garbage", undefined, 400, "INVALID_CURSOR"],
      ["DELETE", "/api/v2/volumes/x", undefined, 404, "VOLUME_NOT_FOUND"],
      ["DELETE", "/api/v2/snapshots/x%2Fy", undefined, 404, "SNAPSHOT_NOT_FOUND"],
      ["POST", "/api/v2/snapshots", {}, 405, "METHOD_NOT_ALLOWED"],
      ["POST", "/api/v2/apps/x/deploy", {}, 501, "NOT_SUPPORTED"],
      ["POST", "/api/v2/sandboxes/x/deploy", { app: "x", mode: "local" }, 501, "NOT_SUPPORTED"],
      ["POST", "/api/v2/sandboxes/x/deploy", { app: "x" }, 404, "SANDBOX_NOT_FOUND"],
      ["POST", "/api/v2/sandboxes/x/deploy", {}, 400, "INVALID_REQUEST"],
      ["POST", "/api/v2/apps", { slug: "a--b" }, 400, "INVALID_REQUEST"],
      ["GET", "/api/v2/apps?cursor=garbage", undefined, 400, "INVALID_CURSOR"],
      ["GET", "/api/v2/apps/x/logs", undefined, 400, "INVALID_REQUEST"],
      ["GET", "/api/v2/revisions/x/progress", undefined, 404, "REVISION_NOT_FOUND"],
      ["POST", "/api/v3/sandbox/x/expose/http", {}, 404, "SANDBOX_NOT_FOUND"],
    ];
    for (const [method, path, body, status, code] of cases) {
      const response = await fixture.request(method, path, body === undefined ? {} : { body });
      const answer = (await response.json()) as { code: string; message: string };
      assert.equal(`${method} ${path}: ${response.status} ${answer.code}`, `${method} ${path}: ${status} ${code}`);
      assert.ok(answer.message.length > 10);
      assert.match(response.headers.get("x-deno-trace-id") ?? "", /^[0-9a-f]{32}$/);
      assert.match(response.headers.get("content-type") ?? "", /json/);
      if (status === 405) assert.ok(response.headers.get("allow"));
    }
    const health = await fixture.request("GET", "/api/v1/health", { token: null });
    assert.deepEqual(await health.json(), { status: "ok" });
    assert.ok(health.headers.get("x-deno-trace-id"));
  });

  test("bodies without a length are bounded, too", async () => {
    await using fixture = await Fixture.start();
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) });
    const response = await fetch(`${fixture.origin}/api/v1/tokens`, {
      method: "POST",
      body: endless,
      duplex: "half",
      headers: { authorization: `Bearer ${fixture.server.token}` },
    } as RequestInit).catch(() => null);
    // The client may notice the end of its upload before the answer.
    if (response) assert.equal(response.status, 413);
    assert.equal((await fixture.request("GET", "/api/v1/info")).status, 200);
  });
});

describe("what is not a request", async () => {
  test("headers beyond the limit are refused; those of a large configuration are not", async () => {
    await using fixture = await Fixture.start();
    const { status, body, headers } = await raw(
      fixture,
      `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${"a".repeat(200 * 1024)}\r\n\r\n`,
    );
    assert.equal(status, 431);
    assert.equal(JSON.parse(body).code, "HEADERS_TOO_LARGE");
    assert.match(headers.get("x-deno-trace-id") ?? "", /^[0-9a-f]{32}$/);
    const client = await open(fixture, "/api/v3/sandboxes/create", {
      headers: configHeader({ env: { LARGE: "x".repeat(60_000) } }),
    });
    assert.equal(((await client.call("envGet", { key: "LARGE" })) as { ok: string }).ok.length, 60_000);
  });

  test("garbage is answered with 400 and closed", async () => {
    await using fixture = await Fixture.start();
    for (const garbage of [
      "\x15\x03\x01\x02\x00\x01\x00\x01\xfc",
      "GET\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
    ]) {
      const { status, body } = await raw(fixture, garbage);
      assert.equal(status, 400);
      assert.equal(JSON.parse(body).code, "INVALID_REQUEST");
    }
    assert.equal((await fixture.request("GET", "/api/v1/info")).status, 200);
  });
});

describe("an upgrade that is refused", async () => {
  test("is a whole HTTP answer with a length, and the connection closes", async () => {
    await using fixture = await Fixture.start();
    const without = (name: string) => UPGRADE.filter((line) => !line.startsWith(name));
    const cases: [Parameters<typeof upgrade>[1], number, string][] = [
      [{}, 400, "INVALID_CONFIG"],
      [{ headers: ["x-deno-sandbox-config: %%%"] }, 400, "INVALID_CONFIG"],
      [{ headers: ["x-deno-sandbox-config: \xff\xfe"] }, 400, "INVALID_CONFIG"],
      [{ headers: [`x-deno-sandbox-config: ${btoa("[1]")}`] }, 400, "INVALID_CONFIG"],
      [{ headers: [config, config] }, 400, "INVALID_CONFIG"],
      [{ path: "/api/v3/sandbox/sbx_ord_00000000000000000000/connect" }, 404, "SANDBOX_NOT_FOUND"],
      [{ path: "/api/v3/sandbox/..%2f..%2fetc/connect" }, 404, "SANDBOX_NOT_FOUND"],
      [{ path: "/api/v3/elsewhere" }, 404, "NOT_FOUND"],
      [{ path: "*" }, 404, "NOT_FOUND"],
      [{ headers: [config], handshake: without("sec-websocket-key") }, 400, "INVALID_REQUEST"],
      [
        { headers: [config], handshake: [...without("sec-websocket-version"), "sec-websocket-version: 8"] },
        400,
        "INVALID_REQUEST",
      ],
      [{ method: "POST", headers: [config, "content-length: 0"] }, 405, "METHOD_NOT_ALLOWED"],
      [{ headers: [config], token: "ddo_wrong" }, 401, "INVALID_TOKEN"],
    ];
    for (const [request, status, code] of cases) {
      const answer = await upgrade(fixture, request);
      assert.equal(answer.status, status, JSON.stringify(request));
      assert.equal(JSON.parse(answer.body).code, code, JSON.stringify(request));
      assert.equal(Number(answer.headers.get("content-length")), Buffer.byteLength(answer.body));
      assert.equal(answer.headers.get("connection"), "close");
      assert.match(answer.headers.get("x-deno-trace-id") ?? "", /^[0-9a-f]{32}$/);
    }
    assert.equal(fixture.host.specs.length, 0);
  });

  test("offers of compression are declined", async () => {
    await using fixture = await Fixture.start();
    const client = await open(fixture, "/api/v3/sandboxes/create", {
      headers: configHeader({}),
      ws: { perMessageDeflate: true },
    });
    assert.equal(client.socket.extensions, "");
  });

  test("upgrades to other protocols are passed over, and the request is answered", async () => {
    await using fixture = await Fixture.start();
    const { status } = await raw(
      fixture,
      "GET /api/v1/health HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
    );
    assert.equal(status, 200);
  });

  test("frames sent before the 101 are not lost", async () => {
    await using fixture = await Fixture.start();
    const socket = connect(fixture.server.port, "127.0.0.1");
    const frame = Buffer.concat([Buffer.from([0x81, 0x84, 0, 0, 0, 0]), Buffer.from("ping")]);
    socket.write(Buffer.concat([Buffer.from(creation(fixture)), frame]));
    let answer = "";
    for await (const chunk of socket) if ((answer += chunk.toString("latin1")).endsWith("\x81\x04pong")) break;
    assert.match(answer, /^HTTP\/1\.1 101 /);
  });

  test("a client that sends without end before the 101 is dropped", async () => {
    const gate = Promise.withResolvers<void>();
    await using fixture = await Fixture.start({}, { gate: () => gate.promise });
    const socket = connect(fixture.server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(creation(fixture));
    const pump = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024)));
    };
    socket.on("drain", pump);
    pump();
    await new Promise((resolve) => socket.once("close", resolve));
    gate.resolve();
  });

  test("a message beyond the limit closes its connection only", async () => {
    await using fixture = await Fixture.start({ limits: { messageBytes: 1024 * 1024 } });
    const client = await open(fixture, "/api/v3/sandboxes/create", { headers: configHeader({ timeout: "5m" }) });
    const other = await open(fixture, `/api/v3/sandbox/${client.id}/connect`);
    client.socket.send("x".repeat(1024 * 1024 + 1));
    assert.equal((await client.closed).code, 1009);
    assert.deepEqual(await other.call("envSet", { key: "A", value: "1" }), { ok: null });
  });

  test("unfinished messages together are bounded: the largest goes", async () => {
    await using fixture = await Fixture.start({ limits: { incomingBytes: 4 * 1024 * 1024 } });
    const client = await open(fixture, "/api/v3/sandboxes/create", { headers: configHeader({ timeout: "5m" }) });
    const other = await open(fixture, `/api/v3/sandbox/${client.id}/connect`);
    // Fragments of a message that never ends.
    for (let i = 0; i < 6; i++) client.socket.send(Buffer.alloc(1024 * 1024), { fin: false, binary: true });
    await client.closed;
    assert.deepEqual(await other.call("envSet", { key: "A", value: "1" }), { ok: null });
  });

  test("a sandbox has only so many connections", async () => {
    await using fixture = await Fixture.start({ limits: { connectionsPerSandbox: 2 } });
    const client = await open(fixture, "/api/v3/sandboxes/create", { headers: configHeader({}) });
    await open(fixture, `/api/v3/sandbox/${client.id}/connect`);
    const refused = await open(fixture, `/api/v3/sandbox/${client.id}/connect`).catch((error: unknown) => error);
    assert.ok(refused instanceof Refused);
    assert.equal(refused.body.code, "CONNECTION_LIMIT");
  });
});
