import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { Client } from "../client/client.ts";
import { ApiError } from "../errors/api.ts";
import { ConnectionClosedError } from "../errors/connection.ts";
import { InvalidTimeoutError } from "../errors/settings.ts";
import { PeerServer, SANDBOX_ID } from "../testing/peer.ts";
import { Sandbox } from "./sandbox.ts";

const CHILD = "sbx_ord_0000000000000000000a";

/** Answers every request with this, and records it as `METHOD path body`. */
function answering(status: number, body: unknown) {
  const requests: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse, text: string) => {
    requests.push(`${request.method} ${request.url} ${text}`.trim());
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  return { requests, answer };
}

test("a fork is one sandbox, or as many as asked for, each connected", async () => {
  const { requests, answer } = answering(201, [{ id: CHILD }, { id: CHILD }]);
  await using server = await PeerServer.start({}, answer);
  await using sandbox = await Sandbox.create(server.options);
  await using twin = await sandbox.fork();
  const several = await sandbox.fork({ count: 2, timeout: "90s", labels: { a: "b" } });
  assert.ok(twin instanceof Sandbox);
  assert.equal(several.length, 2);
  assert.deepEqual(requests, [
    `POST /api/v1/sandboxes/${SANDBOX_ID}/fork {}`,
    `POST /api/v1/sandboxes/${SANDBOX_ID}/fork {"count":2,"timeout":"90s","labels":{"a":"b"}}`,
  ]);
  assert.deepEqual(
    server.peers.slice(1).map(({ request }) => request.url),
    Array.from({ length: 4 }, () => `/api/v3/sandbox/${CHILD}/connect`),
  );
  await Promise.all(several.map((child) => child.close()));
});

test("a fork that is refused says why, and an invalid timeout is not sent", async () => {
  const { requests, answer } = answering(409, { code: "SANDBOX_HAS_VOLUMES", message: "It has data at /data." });
  await using server = await PeerServer.start({}, answer);
  await using sandbox = await Sandbox.create(server.options);
  await assert.rejects(
    () => sandbox.fork(),
    (error) =>
      error instanceof ApiError && error.code === "SANDBOX_HAS_VOLUMES" && /data at \/data/.test(error.message),
  );
  await assert.rejects(() => sandbox.fork({ timeout: "1h" as "1m" }), InvalidTimeoutError);
  await assert.rejects(
    () => Sandbox.resume(SANDBOX_ID, { ...server.options, timeout: "1h" as "1m" }),
    InvalidTimeoutError,
  );
  assert.equal(requests.length, 1);
});

test("pausing resolves when the server has closed the connection", async () => {
  await using server = await PeerServer.start({}, (_request, response) => {
    response.end("{}");
    server.peer.socket.close(1001, "The sandbox was paused.");
  });
  const sandbox = await Sandbox.create(server.options);
  await sandbox.pause();
  await assert.rejects(
    () => sandbox.env.get("A"),
    (error) => error instanceof ConnectionClosedError && error.reason === "The sandbox was paused.",
  );
});

test("a paused sandbox is resumed, and then connected to", async () => {
  const { requests, answer } = answering(200, {});
  await using server = await PeerServer.start({}, answer);
  await using resumed = await Sandbox.resume(SANDBOX_ID, server.options);
  assert.equal(resumed.id, SANDBOX_ID);
  assert.equal(server.peer.request.url, `/api/v3/sandbox/${SANDBOX_ID}/connect`);
  await using other = await new Client(server.options).sandboxes.resume(SANDBOX_ID, {
    ...server.options,
    timeout: "session",
  });
  assert.equal(other.id, SANDBOX_ID);
  assert.deepEqual(requests, [
    `POST /api/v1/sandboxes/${SANDBOX_ID}/resume {}`,
    `POST /api/v1/sandboxes/${SANDBOX_ID}/resume {"timeout":"session"}`,
  ]);
  await assert.rejects(() => Sandbox.resume("nonsense", server.options), TypeError);
});
