import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { SandboxKillError } from "../errors/api.ts";
import { ConnectionEstablishmentError, NetworkError } from "../errors/connection.ts";
import { InvalidMemoryError, InvalidTimeoutError, InvalidTokenError } from "../errors/settings.ts";
import { PeerServer, SANDBOX_ID } from "../testing/peer.ts";
import { Sandbox } from "./sandbox.ts";

function configOf(server: PeerServer): Record<string, unknown> {
  return JSON.parse(
    Buffer.from(String(server.peer.request.headers["x-deno-sandbox-config"]), "base64").toString("latin1"),
  );
}

test("sends what the options say", async () => {
  await using server = await PeerServer.start();
  await using sandbox = await Sandbox.create({
    ...server.options,
    org: "acme",
    timeout: "90s",
    idle: "10m",
    onIdle: "pause",
    memory: "1GiB",
    env: { A: "ä→" },
    labels: { purpose: "tëst" },
    root: "my-root",
    volumes: { "/data": "my-data", "/models": { volume: "models", readOnly: true } },
    allowNet: [],
    secrets: { KEY: { hosts: ["example.com"], value: "x" } },
  });
  assert.equal(sandbox.id, SANDBOX_ID);
  const { request } = server.peer;
  assert.equal(request.url, "/api/v3/sandboxes/create");
  assert.equal(request.headers.authorization, "Bearer ddo_test");
  assert.equal(request.headers["x-deno-org"], "acme");
  assert.equal(request.headers["sec-websocket-extensions"], undefined);
  assert.deepEqual(configOf(server), {
    timeout: "90s",
    idle: "600s",
    on_idle: "pause",
    memory_mb: 1024,
    env: { A: "ä→" },
    labels: { purpose: "tëst" },
    root: { volume: "my-root" },
    volumes: [
      { volume: "my-data", path: "/data" },
      { volume: "models", path: "/models", read_only: true },
    ],
    allow_net: [],
    secrets: { KEY: { hosts: ["example.com"], value: "x" } },
  });
});

test("requests 1280 MiB until this client disconnects, without options", async () => {
  await using server = await PeerServer.start();
  await using _sandbox = await Sandbox.create(server.options);
  assert.deepEqual(configOf(server), { memory_mb: 1280, volumes: [] });
});

test("refuses invalid options before it connects", async () => {
  const nowhere = { token: "ddo_test", sandboxEndpoint: "http://127.0.0.1:1" };
  await assert.rejects(() => Sandbox.create({ ...nowhere, memory: "1MiB" }), InvalidMemoryError);
  await assert.rejects(() => Sandbox.create({ ...nowhere, timeout: "1h" as "1m" }), InvalidTimeoutError);
  await assert.rejects(() => Sandbox.connect("nonsense", nowhere), TypeError);
});

test("reports that nothing listens", async () => {
  const error = await Sandbox.create({ token: "ddo_test", sandboxEndpoint: "http://127.0.0.1:1" }).catch(
    (error) => error,
  );
  assert.ok(error instanceof NetworkError);
  assert.match(error.message, /127\.0\.0\.1:1/);
});

test("connects by id, or by options with an id, in the region of the id", async () => {
  await using server = await PeerServer.start();
  await using _one = await Sandbox.connect(SANDBOX_ID, server.options);
  assert.equal(server.peer.request.url, `/api/v3/sandbox/${SANDBOX_ID}/connect`);
  assert.equal(server.peer.request.headers["x-deno-sandbox-config"], undefined);
  let region: string | undefined;
  const sandboxEndpoint = (name: string) => {
    region = name;
    return server.endpoint;
  };
  await using _two = await Sandbox.connect({
    ...server.options,
    id: SANDBOX_ID.replace("ord", "ams"),
    sandboxEndpoint,
  });
  assert.equal(region, "ams");
});

test("turns refusals into errors with status, code and trace id", async () => {
  let answer: { status: number; body: string } = {
    status: 503,
    body: JSON.stringify({ code: "NO_CAPACITY", message: "Full." }),
  };
  const http = createServer().on("upgrade", (_request, socket) => {
    const { status, body } = answer;
    socket.end(
      `HTTP/1.1 ${status} X\r\nx-deno-trace-id: trace\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const options = { token: "ddo_test", sandboxEndpoint: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
  try {
    const refused = await Sandbox.create(options).catch((error) => error);
    assert.ok(refused instanceof ConnectionEstablishmentError);
    assert.deepEqual([refused.status, refused.code, refused.traceId], [503, "NO_CAPACITY", "trace"]);
    assert.match(refused.message, /^Full\./);
    answer = { status: 401, body: JSON.stringify({ code: "INVALID_TOKEN", message: "No." }) };
    await assert.rejects(() => Sandbox.create(options), InvalidTokenError);
    answer = { status: 502, body: "<html>bad gateway</html>" };
    await assert.rejects(
      () => Sandbox.create(options),
      (error) => error instanceof TypeError && /bad gateway/.test(error.message),
    );
  } finally {
    http.close();
  }
});

test("kill waits until the server has closed the connection", async () => {
  await using server = await PeerServer.start({}, (request, response) => {
    assert.equal(request.method, "DELETE");
    assert.equal(request.url, `/api/v3/sandbox/${SANDBOX_ID}`);
    response.end("{}");
    setImmediate(() => server.peer.socket.close(1001));
  });
  const sandbox = await Sandbox.create(server.options);
  await sandbox.kill();
  await sandbox.closed;
});

test("says why a sandbox was not killed", async () => {
  await using server = await PeerServer.start({}, (_request, response) => response.writeHead(409).end("not now"));
  await using sandbox = await Sandbox.create(server.options);
  const error = await sandbox.kill().catch((error) => error);
  assert.ok(error instanceof SandboxKillError);
  assert.deepEqual([error.status, error.response], [409, "not now"]);
});

test("resolves to the end that the server grants", async () => {
  await using server = await PeerServer.start({}, (request, response, body) => {
    assert.equal(request.method, "PATCH");
    response.end(JSON.stringify({ stop_at_ms: JSON.parse(body).stop_at_ms - 1_000 }));
  });
  await using sandbox = await Sandbox.create(server.options);
  const end = await sandbox.extendTimeout("5m");
  assert.ok(Math.abs(end.getTime() - (Date.now() + 299_000)) < 5_000);
  await assert.rejects(() => sandbox.extendTimeout("session" as "1m"), InvalidTimeoutError);
});

test("closes a new sandbox that could not be published as requested", async () => {
  await using server = await PeerServer.start({}, (_request, response) => {
    response
      .writeHead(501, { "content-type": "application/json" })
      .end(JSON.stringify({ code: "NOT_SUPPORTED", message: "Not yet." }));
  });
  await assert.rejects(() => Sandbox.create({ ...server.options, port: 80 }), /Not yet/);
  await assert.rejects(() => Sandbox.create({ ...server.options, ssh: true }), /Not yet/);
  for (const { socket } of server.peers) assert.equal(socket.readyState, socket.CLOSED);
});

test("a private address is asked for in one request, and has its token in the URL", async () => {
  const asked: unknown[] = [];
  await using server = await PeerServer.start({}, (_request, response, body) => {
    asked.push(JSON.parse(body));
    response.end(JSON.stringify({ domain: "shop.localhost", url: "https://shop.localhost/?sandkeep-token=x" }));
  });
  await using sandbox = await Sandbox.create(server.options);
  const url = await sandbox.exposeHttp({ port: 80, auth: "token", name: "shop", expires: "90m" });
  assert.equal(url, "https://shop.localhost/?sandkeep-token=x");
  assert.deepEqual(asked, [{ port: 80, auth: "token", name: "shop", expiresInMs: 5_400_000 }]);
  await assert.rejects(() => sandbox.exposeHttp({ port: 80, auth: "token", expires: "soon" as "1m" }), TypeError);
  // That would be a public address without end.
  await assert.rejects(() => sandbox.exposeHttp({ port: 80, expires: "1h" }), TypeError);
});

test("shows its id to console.log, and nothing that is secret", async () => {
  await using server = await PeerServer.start();
  await using sandbox = await Sandbox.create(server.options);
  assert.equal(inspect(sandbox), `Sandbox { id: '${SANDBOX_ID}' }`);
  assert.equal(inspect({ a: { b: { c: { sandbox } } } }, { depth: 2 }).includes("ddo_test"), false);
});

test("cannot be constructed", () => {
  assert.throws(() => new Sandbox(Symbol(), {} as never), TypeError);
});
