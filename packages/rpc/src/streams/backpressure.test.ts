/** Senders that are faster than readers: backpressure or a clear end, and bounded memory. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startSandbox, type TestClient } from "../testing/mod.ts";

const MIB = 1024 * 1024;
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

const piped = { stdout: "piped", stderr: "piped" };

/** Resolves once `look` returns the same value twice in a row, some time apart. */
async function settled(look: () => Promise<number>): Promise<number> {
  for (let last = await look(); ; ) {
    await delay(250);
    const now = await look();
    if (now === last) return now;
    last = now;
  }
}

test("a process that prints gigabytes to a client that stops reading is slowed, and the server's memory stays bounded", async () => {
  const client = await sandbox.connect();
  // 4 GiB in all; the process records in a file how much it has written.
  const script = "for ((i = 0; i < 4096; i++)); do head -c 1048576 /dev/zero; echo $i > written; done";
  const { pid } = await client.call("spawn", { command: "bash", args: ["-c", script], ...piped });
  const exited = client.call("processWait", { pid });
  exited.catch(() => {});
  await client.until(() => [...client.streams.values()].some(({ kinds }) => kinds.length > 8));
  client.socket.pause();
  const before = process.memoryUsage().rss;
  const written = await settled(async () => Number(await readFile(`${sandbox.home}/written`, "utf8").catch(() => "0")));
  assert.ok(written < 200, `${written} MiB were taken from the process`);
  assert.ok(process.memoryUsage().rss - before < 150 * MIB);
  // Other clients do not notice.
  assert.equal((await sandbox.client.run("echo", ["hi"])).stdout, "hi\n");
  await sandbox.client.call("processKill", { pid, signal: "SIGKILL" });
  client.socket.resume();
  assert.equal((await exited).signal, "SIGKILL");
});

test("a script goes on after a command of it that printed for a client that is gone", async () => {
  const client = await sandbox.connect();
  const { pid } = await client.call("spawn", {
    command: "bash",
    args: ["-c", "head -c 50000000 /dev/zero; echo done > survived"],
    ...piped,
  });
  await client.close();
  assert.equal((await sandbox.client.call("processWait", { pid })).code, 0);
  assert.equal(await readFile(`${sandbox.home}/survived`, "utf8"), "done\n");
});

test("a call that waits for its client to read does not begin after the connection's end", async () => {
  await using small = await startSandbox({ limits: { closeGraceMs: 200 } });
  const client = await small.connect();
  const { pid } = await client.call("spawn", {
    command: "bash",
    args: ["-c", "for ((i = 0; i < 4096; i++)); do head -c 1048576 /dev/zero; echo $i > written; done"],
    ...piped,
  });
  client.call("processWait", { pid }).catch(() => {});
  await client.until(() => [...client.streams.values()].some(({ kinds }) => kinds.length > 8));
  client.socket.pause();
  await settled(async () => Number(await readFile(`${small.home}/written`, "utf8").catch(() => "0")));
  client.send({ jsonrpc: "2.0", id: 9_999, method: "writeTextFile", params: { path: "late", content: "x" } });
  // The server has the call when it closes the connection because of it.
  client.send("{");
  assert.equal((await small.connections[1]!.closed).reason, "Invalid JSON");
  await small.client.run("true");
  await assert.rejects(stat(`${small.home}/late`), { code: "ENOENT" });
});

test("what a client sends for a process that reads slowly waits on the client's side", async () => {
  await using small = await startSandbox({ limits: { claimedHighBytes: 256 * 1024, claimedLowBytes: 64 * 1024 } });
  const { client } = small;
  const other = await small.connect();
  await other.run("mkfifo", ["go"]);
  const stdinStreamId = client.startStream();
  const { pid } = await client.call("spawn", {
    command: "bash",
    args: ["-c", "read -r line < go; wc -c > counted"],
    stdinStreamId,
    stdout: "null",
    stderr: "null",
  });
  const exited = client.call("processWait", { pid });
  const chunk = Buffer.alloc(64 * 1024, 97);
  for (let count = 0; count < 800; count++) client.enqueue(stdinStreamId, chunk);
  client.endStream(stdinStreamId);
  const unsent = await settled(async () => client.socket.bufferedAmount);
  assert.ok(unsent > 20 * MIB, `only ${unsent} bytes are left with the client`);
  await other.run("bash", ["-c", "echo > go"]);
  assert.equal((await exited).code, 0);
  assert.equal((await readFile(`${small.home}/counted`, "utf8")).trim(), String(800 * 64 * 1024));
});

async function flood(client: TestClient, streams: number, chunkBytes: number, chunks: number) {
  const data = Buffer.alloc(chunkBytes, 1);
  for (let stream = 0; stream < streams; stream++) {
    const id = client.startStream();
    for (let count = 0; count < chunks; count++) client.enqueue(id, data);
  }
  return await client.closed;
}

test("data for a stream that no call names is bounded: 1009 tells why", async () => {
  await using small = await startSandbox({
    limits: { unclaimedStreamBytes: 100_000, unclaimedBytes: 300_000, unclaimedStreams: 100 },
  });
  const one = await flood(await small.connect(), 1, 50_000, 20);
  assert.equal(one.code, 1009);
  assert.match(one.reason, /no call has named/);
  assert.equal((await flood(await small.connect(), 20, 50_000, 1)).code, 1009);
  assert.equal((await flood(await small.connect(), 200, 1, 0)).code, 1009);
});

test("one chunk may be larger than the bound for unclaimed data, since some clients send a whole file as one", async () => {
  await using small = await startSandbox({ limits: { unclaimedStreamBytes: 1000 } });
  const { client } = small;
  const contentStreamId = client.startStream();
  client.enqueue(contentStreamId, Buffer.alloc(5 * MIB, 2));
  client.endStream(contentStreamId);
  await client.call("writeFile", { path: "one", contentStreamId });
  assert.equal((await stat(`${small.home}/one`)).size, 5 * MIB);
});

test("a file of 100 MiB goes in one message", async () => {
  await sandbox.client.call("writeFile", { path: "huge", content: Buffer.alloc(100 * MIB, 3).toString("base64") });
  assert.equal((await stat(`${sandbox.home}/huge`)).size, 100 * MIB);
});

test("a file that does not fit in one answer is refused with advice", async () => {
  const { result } = await sandbox.client.request("readFile", { path: "huge" });
  assert.equal(result!.error!.constructorName, "RangeError");
  assert.match(result!.error!.message, /open it and read it in pieces/);
});

test("many large reads at once are answered one after the other", async () => {
  await using small = await startSandbox({ limits: { heldResultBytes: 3 * MIB } });
  const { client } = small;
  await client.call("writeFile", { path: "two", content: Buffer.alloc(2 * MIB, 4).toString("base64") });
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.call("readFile", { path: "two" })));
  for (const answer of answers) assert.equal(Buffer.from(answer, "base64").length, 2 * MIB);
});

test("text that grows beyond the bound when written as JSON is refused", async () => {
  await using small = await startSandbox({ limits: { resultBytes: 100_000 } });
  const { client } = small;
  await client.call("writeTextFile", { path: "controls", content: "\u0001".repeat(60_000) });
  const { error } = await client.request("readTextFile", { path: "controls" });
  assert.match(error!.message, /larger than 100000 bytes/);
});
