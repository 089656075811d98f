import assert from "node:assert/strict";
import { test } from "node:test";
import { Sandbox } from "../sandbox/sandbox.ts";
import { PeerServer } from "../testing/peer.ts";
import { WINDOW_BYTES } from "./paced-stream.ts";

test("a stream with a window tells the server what has been read, and nothing before that", async () => {
  const taken: number[] = [];
  await using server = await PeerServer.start({
    realPath: () => "/home/app/file",
    lstat: () => ({ isFile: true, isDirectory: false, mode: 0o100644 }),
    "sandkeep.readFileStream": ({ window }, peer) => {
      assert.equal(window, WINDOW_BYTES);
      queueMicrotask(async () => {
        peer.stream(7, "start");
        const piece = Buffer.alloc(64 * 1024, 1).toString("base64");
        for (let sent = 0; sent < 3 * WINDOW_BYTES; sent += 64 * 1024) {
          // What a server does: it never has more than a window unread at the client.
          while (sent - taken.reduce((sum, bytes) => sum + bytes, 0) >= WINDOW_BYTES)
            await new Promise((resolve) => setImmediate(resolve));
          peer.stream(7, "enqueue", { data: piece });
        }
        peer.stream(7, "end");
      });
      return { size: 3 * WINDOW_BYTES, streamId: 7 };
    },
    "sandkeep.streamTaken": ({ streamId, bytes }) => {
      assert.equal(streamId, 7);
      taken.push(bytes as number);
    },
  });
  await using sandbox = await Sandbox.create(server.options);
  assert.equal((await sandbox.fs.readFile("file")).length, 3 * WINDOW_BYTES);
  assert.ok(taken.length > 3, String(taken.length));
});
