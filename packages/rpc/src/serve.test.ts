import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSandbox } from "./testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

test("the text ping is answered by pong, and pong is never sent unasked", async () => {
  const client = await sandbox.connect();
  await client.call("envSet", { key: "A", value: "1" });
  assert.ok(!client.texts.includes("pong"));
  client.send("ping");
  await client.until(() => client.texts.at(-1) === "pong");
});

test("an id of 0 is answered, and so is a string", async () => {
  const client = await sandbox.connect();
  const first = await client.request("envGet", { key: "nope" });
  assert.equal(first.id, 0);
  client.send({ jsonrpc: "2.0", id: "a", method: "envGet", params: { key: "nope" } });
  await client.until(() => client.texts.some((text) => text === '{"jsonrpc":"2.0","id":"a","result":{"ok":null}}'));
});

test("methods without a value answer ok: null", async () => {
  const { result } = await sandbox.client.request("envSet", { key: "B", value: "2" });
  assert.deepEqual(result, { ok: null });
});

test("an unknown method is answered with exactly Method not found", async () => {
  for (const method of ["download", "toString", "__proto__", "", "sandkeep.nope"]) {
    const { error, result } = await sandbox.client.request(method, {});
    assert.equal(result, undefined);
    assert.deepEqual(error, { code: -32601, message: "Method not found" });
  }
});

test("malformed params are answered with a ZodError that the Python client can read", async () => {
  const { error } = await sandbox.client.request("stat", {});
  assert.equal(error!.code, -32602);
  assert.equal(error!.data.constructorName, "ZodError");
  assert.deepEqual(JSON.parse(error!.data.message), [
    {
      expected: "string",
      code: "invalid_type",
      path: ["path"],
      message: "Invalid input: expected string, received undefined",
    },
  ]);
});

test("every issue of malformed params has what is expected, and a path of strings", async () => {
  const bad: [string, unknown][] = [
    ["writeFile", { path: 1 }],
    ["writeFile", { path: "x", content: "%%%" }],
    ["spawn", { command: "x", args: ["a", 5], stdout: "file", stderr: "null" }],
    ["fileSeek", { fileHandleId: 1, offset: "x", whence: 9 }],
    ["spawnDeno", { stdout: "piped", stderr: "piped", code: "", extension: "py" }],
    ["fetch", { url: 1, method: "GET", headers: [["a"]], redirect: "error" }],
    ["utime", { path: "x", atime: "then", mtime: {} }],
    ["stat", null],
    ["stat", []],
    ["stat", "x"],
    ["denoReplCall", { pid: 1, fn: "f", args: "no" }],
    ["sandkeep.spawnPty", { command: "bash", cols: 0, rows: 70000 }],
  ];
  for (const [method, params] of bad) {
    const { error } = await sandbox.client.request(method, params);
    assert.equal(error?.code, -32602, `${method} ${JSON.stringify(params)}`);
    for (const issue of JSON.parse(error!.data.message)) {
      assert.equal(typeof issue.expected, "string");
      for (const key of issue.path) assert.equal(typeof key, "string");
    }
  }
});

test("a binary frame with JSON is as good as a text frame", async () => {
  const client = await sandbox.connect();
  client.socket.send(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 77, method: "envToObject" })), { binary: true });
  await client.until(() => client.messages.find(({ id }) => id === 77));
});

test("invalid UTF-8 closes the connection with 1007", async () => {
  for (const binary of [true, false]) {
    const client = await sandbox.connect();
    client.socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary });
    assert.equal((await client.closed).code, 1007);
  }
});

test("what is not JSON, or not JSON-RPC, closes the connection as the client would", async () => {
  for (const [text, code] of [
    ["{", 4000],
    ["", 4000],
    ["[]", 4001],
    ["1", 4001],
    ["null", 4001],
    ['{"jsonrpc":"2.0","id":{},"method":"stat"}', 4001],
    ['{"jsonrpc":"1.0","method":"stat"}', 4001],
  ] as const) {
    const client = await sandbox.connect();
    client.send(text);
    assert.equal((await client.closed).code, code, text);
  }
});

test("a call that is not quite JSON-RPC is answered with Invalid Request", async () => {
  const client = await sandbox.connect();
  client.send({ id: 5, method: "stat" });
  client.send({ jsonrpc: "2.0", id: 6 });
  for (const id of [5, 6]) {
    const { error } = await client.until(() => client.messages.find((message) => message.id === id));
    assert.equal(error!.code, -32600);
  }
});

test("unknown and malformed notifications are passed over", async () => {
  const client = await sandbox.connect();
  client.notify("$sandbox.nope", {});
  client.notify("$sandbox.stream.enqueue", { streamId: "x" });
  client.notify("$sandbox.stream.end", { streamId: 12345 });
  client.notify("$sandbox.stream.cancel", { streamId: 999 });
  client.notify("$sandbox.stream.error", null);
  assert.equal(await client.call("envGet", { key: "nope" }), null);
});

test("answers come when they are ready, not in order", async () => {
  const client = await sandbox.connect();
  const { pid } = await client.call("spawn", { command: "sleep", args: ["30"], stdout: "null", stderr: "null" });
  const slow = client.request("processWait", { pid });
  const fast = await client.request("envToObject", {});
  assert.ok(fast.id! > 0);
  await client.call("processKill", { pid });
  assert.equal((await slow).result!.ok.signal, "SIGTERM");
});

test("a message over the bound closes the connection with 1009", async () => {
  await using small = await startSandbox({ limits: { messageBytes: 100_000 } });
  small.client.send({
    jsonrpc: "2.0",
    id: 1,
    method: "writeFile",
    params: { path: "x", content: "A".repeat(200_000) },
  });
  assert.equal((await small.client.closed).code, 1009);
});

test("more calls under way than allowed are refused", async () => {
  await using small = await startSandbox({ limits: { pendingCalls: 8 } });
  const { client } = small;
  const { pid } = await client.call("spawn", { command: "sleep", args: ["30"], stdout: "null", stderr: "null" });
  const waits = Array.from({ length: 8 }, () => client.request("processWait", { pid }));
  const { error } = await client.request("envToObject", {});
  assert.match(error!.message, /calls are in progress/);
  await client.call("processKill", { pid }).catch(() => {});
  // The kill exceeded the limit as well, so another connection does it.
  await (await small.connect()).call("processKill", { pid });
  for (const wait of waits) assert.equal((await wait).result!.ok.signal, "SIGTERM");
});

test("a client that calls without reading its answers is not served without end", async () => {
  await using small = await startSandbox({ limits: { pendingCalls: 8, closeGraceMs: 100 } });
  const { client } = small;
  await client.call("writeTextFile", { path: "big", content: "x".repeat(1 << 20) });
  client.socket.pause();
  for (let id = 100; id < 300; id++)
    client.send({ jsonrpc: "2.0", id, method: "readTextFile", params: { path: "big" } });
  assert.equal((await small.connections[0]!.closed).code, 1008);
});
