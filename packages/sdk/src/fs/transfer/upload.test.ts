import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { PeerServer } from "../../testing/peer.ts";

test("a server that cannot receive a directory as one stream gets it file by file", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sandkeep-upload-"));
  try {
    await mkdir(join(dir, "big"));
    const content = Buffer.alloc(32 * 1024 * 1024, 1);
    await writeFile(join(dir, "big/file"), content);
    let written = 0;
    await using server = await PeerServer.start({ mkdir: () => null, writeFile: () => void written++ });
    await using sandbox = await Sandbox.create(server.options);
    await sandbox.fs.upload(join(dir, "big"), "to");
    const { received } = server.peer;
    const ofFirst = received.filter(
      (frame) => frame !== "ping" && (frame.params as { streamId?: number } | undefined)?.streamId === 1,
    ) as { method: string }[];
    assert.equal(written, 1);
    assert.equal(ofFirst.at(-1)!.method, "$sandbox.stream.error");
    assert.ok(ofFirst.length * 64 * 1024 < content.length, `${ofFirst.length} frames`);
  } finally {
    await rm(dir, { recursive: true });
  }
});
