/** A guest that violates its contract: this ends the guest, and nothing else. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { type Answer, misbehavingGuest, prefix } from "./testing/misbehaving-agent.ts";
import { startServer } from "./testing/mod.ts";

const piped = { stdout: "piped", stderr: "piped" };

function frame(type: number, payload: string | Buffer, length = Buffer.byteLength(payload)): Buffer {
  const header = Buffer.alloc(5);
  header[0] = type;
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** Serves a guest that answers like this, and waits until the violation is detected. */
async function foundOut(answer: Answer, method: string, params: object): Promise<string> {
  await using peer = await misbehavingGuest(answer);
  await using server = await startServer(peer.guest, { outputGateMs: 1 });
  const client = await server.connect();
  const response = client.request(method, params);
  response.catch(() => {});
  const end = await peer.guest.ended;
  assert.equal(end.kind, "garbage");
  // The connection still answers: it is the sandbox's owner who ends it.
  const { error, result } = await response;
  assert.ok(error ?? result);
  assert.ok((await client.request("stat", { path: "x" })).error);
  return end.kind === "garbage" ? end.detail : "";
}

const spawnThen =
  (...frames: Buffer[]): Answer =>
  (_path, stream) =>
    void stream.end(Buffer.concat([prefix({ ok: { pid: 5 } }), ...frames]));

for (const [name, frames] of Object.entries({
  "a frame of an unknown type": [frame(9, "x")],
  "a frame longer than allowed": [frame(1, "x", 1 << 20)],
  "a frame of four gigabytes": [frame(1, "x", 0xffffffff)],
  "an exit that is not JSON": [frame(4, "{")],
  "an exit that is something else": [frame(4, '{"success":"yes"}')],
  "an exit code out of range": [frame(4, '{"success":false,"code":1e9,"signal":null,"oom":null}')],
})) {
  test(`a process stream with ${name} ends the guest`, async () => {
    assert.match(await foundOut(spawnThen(...frames), "spawn", { command: "x", ...piped }), /process 5/);
  });
}

const walkThen =
  (text: string): Answer =>
  (_path, stream) =>
    void stream.end(Buffer.concat([prefix({ ok: null }), Buffer.from(text)]));

for (const [name, text] of Object.entries({
  "a line that is not JSON": "{\n",
  "a line that is no entry": '{"path":1}\n',
  "a line that is an array": "[]\n",
  "an error of another form": '{"error":"x"}\n',
  "a line without end": "x".repeat(200_000),
})) {
  test(`a walk with ${name} ends the guest`, async () => {
    assert.match(await foundOut(walkThen(text), "walk", { path: "/" }), /walk/);
  });
}

test("a walk's extra fields are not passed on", async () => {
  const entry = { path: "/x", name: "x", isFile: true, isDirectory: false, isSymlink: false };
  await using peer = await misbehavingGuest(walkThen(`${JSON.stringify({ ...entry, extra: "x".repeat(1000) })}\n`));
  await using server = await startServer(peer.guest);
  const client = await server.connect();
  const { streamId } = await client.call("walk", { path: "/" });
  assert.deepEqual(JSON.parse((await client.ended(streamId)).text), entry);
});

test("a file that does not stop is cut off", async () => {
  await using peer = await misbehavingGuest((_path, stream) => {
    stream.write(prefix({ ok: { size: 3 } }));
    const more = () => {
      while (!stream.destroyed && stream.write(Buffer.alloc(65_536)));
    };
    stream.on("drain", more);
    more();
  });
  await using server = await startServer(peer.guest, { resultBytes: 1 << 20 });
  const client = await server.connect();
  assert.equal((await client.request("readFile", { path: "x" })).result!.error!.constructorName, "RangeError");
});

test("a read that gives more than was asked for fails", async () => {
  await using peer = await misbehavingGuest((path, stream) => {
    if (path === "/call/open") stream.end(JSON.stringify({ ok: { handle: 1 } }));
    else stream.end(Buffer.concat([prefix({ ok: null }), Buffer.alloc(1000)]));
  });
  await using server = await startServer(peer.guest);
  const client = await server.connect();
  const { fileHandleId } = await client.call("open", { path: "x" });
  assert.ok((await client.request("fileRead", { fileHandleId, length: 10 })).error);
});

test("random bytes after the head end in an error or a clean end, never in a hang or a crash", async () => {
  for (const method of ["spawn", "walk", "readFile", "fetch"] as const) {
    const heads = {
      spawn: { pid: 1 },
      walk: null,
      readFile: { size: 1 },
      fetch: { status: 200, statusText: "", headers: [], url: "", hasBody: true },
    };
    const params = {
      spawn: { command: "x", ...piped },
      walk: { path: "/" },
      readFile: { path: "/" },
      fetch: { url: "http://x/", method: "GET", headers: [], redirect: "follow" },
    };
    for (let round = 0; round < 15; round++) {
      await using peer = await misbehavingGuest(
        (_path, stream) => void stream.end(Buffer.concat([prefix({ ok: heads[method] }), randomBytes(2000)])),
      );
      await using server = await startServer(peer.guest, { outputGateMs: 1 });
      const client = await server.connect();
      const { result } = await client.request(method, params[method]);
      if (!result?.ok || method === "readFile") continue;
      const id = result.ok.streamId ?? result.ok.stdoutStreamId ?? result.ok.bodyStreamId;
      await client.ended(id);
    }
  }
});
