/** The hard rules of wire-protocol §6.1, each as a test of its name, over a real socket and a real agent. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { STREAM_ID_LIMIT, STREAM_METHODS } from "@sandkeep/protocol";
import { startSandbox } from "../testing/mod.ts";
import { OutboundStreams } from "./outbound-stream.ts";
import type { Outbox } from "./outbox.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

const piped = { stdout: "piped", stderr: "piped" };
const bash = (script: string) => ({ command: "bash", args: ["-c", script], ...piped });

test("rule 1: server stream ids are unique across all connections of all sandboxes", async () => {
  await using other = await startSandbox();
  const ids = new Set<number>();
  for (const client of [sandbox.client, await sandbox.connect(), other.client]) {
    const spawned = await Promise.all(
      Array.from({ length: 20 }, () => client.call("spawn", { command: "true", ...piped })),
    );
    for (const { stdoutStreamId, stderrStreamId } of spawned) ids.add(stdoutStreamId).add(stderrStreamId);
  }
  assert.equal(ids.size, 3 * 20 * 2);
  for (const id of ids) assert.ok(Number.isSafeInteger(id) && id > 0 && id < STREAM_ID_LIMIT);
});

test("rule 2: stdout and stderr are held back until processWait", async () => {
  await using slow = await startSandbox({ limits: { outputGateMs: 2 ** 30 } });
  const { client } = slow;
  const { pid, stdoutStreamId, stderrStreamId } = await client.call("spawn", bash("echo out; echo err >&2"));
  // The process ends, and calls are answered, while none of its output is sent.
  const other = await slow.connect();
  assert.equal((await other.call("processWait", { pid })).code, 0);
  await client.call("envToObject");
  assert.deepEqual(client.stream(stdoutStreamId).events, []);
  assert.deepEqual(client.stream(stderrStreamId).events, []);
  await client.call("processWait", { pid });
  assert.equal((await client.ended(stdoutStreamId)).text, "out\n");
  assert.equal((await client.ended(stderrStreamId)).text, "err\n");
});

test("rule 2: output comes after a moment without processWait", async () => {
  const { client } = sandbox;
  const { stdoutStreamId } = await client.call("spawn", bash("echo out"));
  assert.equal((await client.ended(stdoutStreamId)).text, "out\n");
});

test("rule 3: an enqueue never has zero bytes", () => {
  const sent: string[] = [];
  const streams = new OutboundStreams({ send: (text: string) => void sent.push(text) } as Outbox);
  const stream = streams.open();
  stream.enqueue(Buffer.alloc(0));
  stream.enqueue(Buffer.from("x"));
  stream.enqueue(Buffer.alloc(0));
  stream.end();
  assert.deepEqual(
    sent.map((text) => JSON.parse(text).method),
    [STREAM_METHODS.start, STREAM_METHODS.enqueue, STREAM_METHODS.end],
  );
});

test("rule 3: a process without output gives a stream without chunks", async () => {
  const { stdoutStreamId } = await sandbox.client.run("true");
  assert.deepEqual(sandbox.client.stream(stdoutStreamId).kinds, ["start", "end"]);
});

test("rule 4: nothing is sent after a cancel, not even the end", async () => {
  const { client } = sandbox;
  const { pid, stdoutStreamId } = await client.call("spawn", bash("while :; do echo y; done"));
  const exited = client.call("processWait", { pid });
  const stream = client.stream(stdoutStreamId);
  await client.until(() => stream.kinds.includes("enqueue"));
  client.notify(STREAM_METHODS.cancel, { streamId: stdoutStreamId, reason: null });
  // Answered after the cancel was handled; everything sent before it has arrived.
  await client.call("envToObject");
  const seen = stream.events.length;
  await exited;
  await client.run("true");
  assert.equal(stream.events.length, seen);
  assert.ok(!stream.kinds.includes("end"));
});

test("rule 4: a stream cancelled before it started is never announced", async () => {
  const { client } = sandbox;
  const { pid, stdoutStreamId, stderrStreamId } = await client.call("spawn", bash("echo out; echo err >&2"));
  client.notify(STREAM_METHODS.cancel, {
    streamId: stdoutStreamId,
    reason: { constructorName: "Error", message: "no" },
  });
  await client.call("processWait", { pid });
  await client.ended(stderrStreamId);
  assert.deepEqual(client.stream(stdoutStreamId).events, []);
});

test("rule 5: start comes before any enqueue", async () => {
  const { stdoutStreamId } = await sandbox.client.run("bash", ["-c", "for i in 1 2 3; do echo $i; done"]);
  const { kinds } = sandbox.client.stream(stdoutStreamId);
  assert.equal(kinds[0], "start");
  assert.equal(kinds.lastIndexOf("start"), 0);
});

test("rule 6: exactly one end per stream", async () => {
  const { stdoutStreamId, stderrStreamId } = await sandbox.client.run("bash", [
    "-c",
    "echo out; exec >&-; echo err >&2",
  ]);
  for (const id of [stdoutStreamId, stderrStreamId]) {
    const { kinds } = sandbox.client.stream(id);
    assert.equal(kinds.filter((kind) => kind === "end").length, 1);
    assert.equal(kinds.at(-1), "end");
  }
});

test("rule 6: an error is sent once, and is followed by the end", () => {
  const sent: string[] = [];
  const streams = new OutboundStreams({ send: (text: string) => void sent.push(text) } as Outbox);
  const stream = streams.open();
  stream.fail({ constructorName: "Error", message: "x" });
  stream.fail({ constructorName: "Error", message: "y" });
  stream.end();
  stream.enqueue(Buffer.from("late"));
  assert.deepEqual(
    sent.map((text) => JSON.parse(text).method),
    [STREAM_METHODS.start, STREAM_METHODS.error, STREAM_METHODS.end],
  );
});

test("rule 7: walk and expandGlob send one complete JSON object per enqueue", async () => {
  const { client, home } = sandbox;
  await mkdir(`${home}/tree/sub`, { recursive: true });
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => writeFile(`${home}/tree/sub/file-${index}-é"\\.txt`, "")),
  );
  for (const [method, params, count] of [
    ["walk", { path: `${home}/tree` }, 202],
    ["expandGlob", { glob: "tree/**/*.txt" }, 200],
  ] as const) {
    const { streamId } = await client.call(method, params);
    const { events } = await client.ended(streamId);
    const entries = events
      .filter(({ kind }) => kind === "enqueue")
      .map(({ data }) => JSON.parse(data!.toString("utf8")));
    assert.equal(entries.length, count, method);
    for (const entry of entries)
      assert.deepEqual(Object.keys(entry).sort(), ["isDirectory", "isFile", "isSymlink", "name", "path"]);
  }
});

test("rule 8: chunks have at most 64 KiB", async () => {
  const { client } = sandbox;
  const { stdoutStreamId, stdout } = await client.run("head", ["-c", "1000000", "/dev/zero"]);
  assert.equal(stdout!.length, 1_000_000);
  for (const { data } of client.stream(stdoutStreamId).events) assert.ok((data?.length ?? 0) <= 65_536);
});
