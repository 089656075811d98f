import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { after, test } from "node:test";
import { HELLO_MAGIC, NONCE_BYTES, READY_MAGIC } from "@sandkeep/serial";
import { GuestClient } from "./client.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-guest-"));
after(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;

/** The agent's first frame over HTTP/2: empty settings. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/** Connects to an agent that sends these bytes together with its answer to the hello. */
async function greet(bytes: Buffer): Promise<GuestClient> {
  const path = join(dir, String(count++));
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (hello) => {
      const nonce = hello.subarray(HELLO_MAGIC.length, HELLO_MAGIC.length + NONCE_BYTES);
      socket.write(Buffer.concat([Buffer.from(READY_MAGIC), nonce, bytes]));
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = connect(path);
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  try {
    return await GuestClient.connect(socket, 5_000);
  } finally {
    server.close();
  }
}

test("a connection may be closed as soon as it is made, whatever has come on it by then", async () => {
  for (const bytes of [SETTINGS, Buffer.concat([SETTINGS, SETTINGS, SETTINGS]), Buffer.alloc(200_000, 0xff)]) {
    const guest = await greet(bytes);
    guest.close();
    await guest.ended;
  }
});

test("garbage after the hello ends the connection", async () => {
  const guest = await greet(Buffer.alloc(200_000, 0xff));
  await guest.ended;
});

test("a stream that fails with nobody listening is only noticed by who waits for its head", async () => {
  const guest = await greet(SETTINGS);
  const stream = guest.stream("writeFile", { path: "/home/app/note" });
  guest.close();
  await assert.rejects(stream.head);
  await finished(stream).catch(() => {});
});
