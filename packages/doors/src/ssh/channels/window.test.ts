/** A client whose window is full, which OpenSSH on the same computer never lets happen. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ClientChannel } from "ssh2";
import { exec, loggedIn } from "../testing/library-client.ts";
import { TestServer } from "../testing/test-server.ts";

/** More than the client's buffer and its window together. */
const BYTES = 5_000_000;

async function full(channel: ClientChannel): Promise<void> {
  const { incoming } = channel as ClientChannel & { incoming: { window: number } };
  while (incoming.window > 0) await setImmediate();
}

async function read(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const piece of stream.iterator({ destroyOnReturn: false })) {
    bytes += (piece as Buffer).length;
    if (bytes === BYTES) break;
  }
  return bytes;
}

test("output and then errors that wait for the client's window arrive once and whole, and so does the exit code", async () => {
  await using server = await TestServer.start();
  server.open("somebody");
  const client = await loggedIn(server, "somebody");
  const channel = await exec(client, `head -c ${BYTES} /dev/zero; head -c ${BYTES} /dev/zero >&2; exit 3`);
  const exit = once(channel, "exit") as Promise<[number]>;
  await full(channel);
  assert.equal(await read(channel), BYTES);
  await full(channel);
  assert.equal(await read(channel.stderr), BYTES);
  assert.equal((await exit)[0], 3);
  client.end();
});
