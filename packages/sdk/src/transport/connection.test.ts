import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionClosedError, RpcError } from "../errors/connection.ts";
import { errors } from "../errors/os.ts";
import { NO_ANSWER, PeerServer } from "../testing/peer.ts";
import type { Connection } from "./connection.ts";
import { openConnection } from "./open.ts";

function connect(server: PeerServer): Promise<Connection> {
  return openConnection({ url: new URL(server.endpoint.replace("http", "ws")), headers: {}, debug: false });
}

test("matches answers to calls in any order", async () => {
  const { promise: gate, resolve } = Promise.withResolvers<void>();
  await using server = await PeerServer.start({
    envGet: async ({ key }) => {
      if (key === "slow") await gate;
      else resolve();
      return `value of ${key}`;
    },
  });
  const connection = await connect(server);
  const values = await Promise.all([
    connection.call("envGet", { key: "slow" }),
    connection.call("envGet", { key: "fast" }),
  ]);
  assert.deepEqual(values, ["value of slow", "value of fast"]);
  await connection.close();
});

test("errors keep their class, code, cause and remote stack, and get the stack of the call", async () => {
  await using server = await PeerServer.start({
    stat: () => {
      throw {
        constructorName: "NotFound",
        message: "No such file or directory (os error 2): stat 'x'",
        code: "ENOENT",
        stack: "NotFound: No such file or directory (os error 2): stat 'x'\n    at remote.ts:1:1",
        cause: { constructorName: "TypeError", message: "deeper" },
      };
    },
    envGet: () => {
      throw { constructorName: "Unheard", name: "Unheard", message: "of" };
    },
    umask: () => {
      throw { constructorName: "DOMException", name: "AbortError", message: "stopped", code: "X" };
    },
  });
  const connection = await connect(server);
  const missing = await connection.call("stat", { path: "x" }).catch((error) => error);
  assert.ok(missing instanceof errors.NotFound);
  assert.equal(missing.code, "ENOENT");
  assert.ok(missing.cause instanceof TypeError);
  assert.match(missing.stack ?? "", /remote\.ts:1:1[\s\S]*connection\.test\.ts/);
  const unknown = await connection.call("envGet", { key: "" }).catch((error) => error);
  assert.equal(unknown.name, "Unheard");
  const aborted = await connection.call("umask", {}).catch((error) => error);
  assert.ok(aborted instanceof DOMException && aborted.name === "AbortError");
  await connection.close();
});

test("rejects with RpcError what the server does not support", async () => {
  await using server = await PeerServer.start();
  const connection = await connect(server);
  const error = await connection.call("umask", {}).catch((error) => error);
  assert.ok(error instanceof RpcError);
  assert.equal(error.code, -32601);
  assert.match(error.stack ?? "", /connection\.test\.ts/);
  await connection.close();
});

test("rejects pending and later calls when the connection ends, with the server's reason", async () => {
  await using server = await PeerServer.start({ envGet: () => NO_ANSWER });
  const connection = await connect(server);
  const pending = connection.call("envGet", { key: "a" });
  server.peer.socket.close(1001, "The sandbox has reached its timeout");
  const error = await pending.catch((error) => error);
  assert.ok(error instanceof ConnectionClosedError);
  assert.equal(error.code, 1001);
  assert.equal(error.reason, "The sandbox has reached its timeout");
  await connection.closed;
  await assert.rejects(() => connection.call("envGet", { key: "a" }), ConnectionClosedError);
});

test("ignores notifications and answers that nobody waits for", async () => {
  await using server = await PeerServer.start({ envGet: () => "still here" });
  const connection = await connect(server);
  server.peer.notify("$sandbox.something.new", { a: 1 });
  server.peer.socket.send(JSON.stringify({ jsonrpc: "2.0", id: 4711, result: { ok: null } }));
  server.peer.socket.send("pong");
  assert.equal(await connection.call("envGet", { key: "a" }), "still here");
  await connection.close();
});

test("closes with 4000 on what is not JSON, and with 4001 on what is not a message", async () => {
  await using server = await PeerServer.start();
  for (const [frame, code] of [
    ["nonsense", 4000],
    ['{"a":1}', 4001],
    ['{"jsonrpc":"2.0","id":1}', 4001],
    ["[]", 4001],
  ] as const) {
    const connection = await connect(server);
    const { peer } = server;
    const closed = new Promise((resolve) => peer.socket.once("close", resolve));
    peer.socket.send(frame);
    assert.equal(await closed, code, frame);
    await connection.closed;
  }
});

test("listeners can be added and removed", async () => {
  await using server = await PeerServer.start({ envGet: () => null });
  const connection = await connect(server);
  const heard: unknown[] = [];
  const stop = connection.on("$x", (params) => heard.push(params.n));
  server.peer.notify("$x", { n: 1 });
  await connection.call("envGet", { key: "" });
  stop();
  server.peer.notify("$x", { n: 2 });
  await connection.call("envGet", { key: "" });
  assert.deepEqual(heard, [1]);
  await connection.close();
});
