import assert from "node:assert/strict";
import { test } from "node:test";
import { Sandbox } from "../sandbox/sandbox.ts";
import type { Peer } from "../testing/peer.ts";
import { NO_ANSWER, PeerServer } from "../testing/peer.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("reads with streams if the server supports them, regardless of the announced size", async () => {
  await using server = await PeerServer.start({
    "sandkeep.readFileStream": ({ path }, peer: Peer) => {
      queueMicrotask(() => {
        peer.stream(7, "start");
        for (const part of String(path).match(/../g) ?? []) peer.data(7, part);
        peer.stream(7, "end");
      });
      return { size: 5, streamId: 7 };
    },
  });
  for (const content of ["", "1234", "123456", "12345678901234"]) {
    await using sandbox = await Sandbox.create(server.options);
    assert.equal(await sandbox.fs.readTextFile(content), content);
  }
});

test("reads in one piece from a server without streams, and asks it only once", async () => {
  await using server = await PeerServer.start({ readFile: () => base64("\uFEFFcontent") });
  await using sandbox = await Sandbox.create(server.options);
  assert.equal(await sandbox.fs.readTextFile("a"), "\uFEFFcontent");
  assert.deepEqual(await sandbox.fs.readFile("a"), new Uint8Array(Buffer.from("\uFEFFcontent")));
  const methods = server.peer.received.filter((frame) => frame !== "ping").map(({ method }) => method);
  assert.deepEqual(methods, ["sandkeep.readFileStream", "readFile", "readFile"]);
});

test("does not mistake the sandbox's refusal for a missing call", async () => {
  await using server = await PeerServer.start({
    "sandkeep.readFileStream": () => {
      throw { constructorName: "NotFound", message: "gone", code: "ENOENT" };
    },
  });
  await using sandbox = await Sandbox.create(server.options);
  await assert.rejects(() => sandbox.fs.readFile("a"), { code: "ENOENT" });
  await assert.rejects(() => sandbox.fs.readFile("a"), { code: "ENOENT" });
});

test("sends small content within the call, and large content as a stream", async () => {
  const calls: Record<string, unknown>[] = [];
  await using server = await PeerServer.start({
    writeFile: async (params, peer) => {
      calls.push(params);
      if ("contentStreamId" in params) await peer.notified("$sandbox.stream.end");
    },
    writeTextFile: (params) => void calls.push(params),
  });
  await using sandbox = await Sandbox.create(server.options);
  await sandbox.fs.writeFile("a", new Uint8Array([1, 2]), { append: true, mode: 0o600 });
  await sandbox.fs.writeTextFile("b", "text");
  await sandbox.fs.writeFile("c", new Uint8Array(2 * 1024 * 1024));
  await sandbox.fs.writeTextFile("d", "x".repeat(2 * 1024 * 1024));
  assert.deepEqual(calls, [
    { path: "a", options: { append: true, mode: 0o600 }, content: base64("\x01\x02") },
    { path: "b", options: {}, content: "text" },
    { path: "c", options: {}, contentStreamId: 1 },
    { path: "d", options: {}, contentStreamId: 2 },
  ]);
});

test("rejects with AbortError at once, notifies the server, and does not start after an abort", async () => {
  await using server = await PeerServer.start({ abort: () => null, writeFile: () => NO_ANSWER });
  await using sandbox = await Sandbox.create(server.options);
  const controller = new AbortController();
  const writing = sandbox.fs.writeFile("a", new Uint8Array(1), { signal: controller.signal });
  await server.peer.frame(({ method }) => method === "writeFile");
  controller.abort();
  await assert.rejects(() => writing, { name: "AbortError" });
  const abort = await server.peer.notified("abort");
  assert.equal(abort.abortId, 0);
  await assert.rejects(() => sandbox.fs.writeFile("a", new Uint8Array(1), { signal: controller.signal }), {
    name: "AbortError",
  });
  await assert.rejects(() => sandbox.fs.readFile("a", { signal: AbortSignal.abort(new Error("mine")) }), {
    name: "AbortError",
  });
  assert.equal(server.peer.received.filter((frame) => frame !== "ping" && frame.method === "writeFile").length, 1);
});

test("stops a stream that is being read when the signal is aborted", async () => {
  await using server = await PeerServer.start({
    abort: () => null,
    "sandkeep.readFileStream": (_, peer) => {
      queueMicrotask(() => {
        peer.stream(7, "start");
        peer.data(7, "the first of many");
      });
      return { size: 1_000, streamId: 7 };
    },
  });
  await using sandbox = await Sandbox.create(server.options);
  const controller = new AbortController();
  const reading = sandbox.fs.readFile("a", { signal: controller.signal });
  await server.peer.frame(({ method }) => method === "sandkeep.readFileStream");
  await sandbox.fs.umask().catch(() => {});
  controller.abort();
  await assert.rejects(() => reading, { name: "AbortError" });
  assert.equal((await server.peer.notified("$sandbox.stream.cancel")).streamId, 7);
});
