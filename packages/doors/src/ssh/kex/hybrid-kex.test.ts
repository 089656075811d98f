import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Client } from "../ssh2.ts";
import { TestServer } from "../testing/test-server.ts";
import { hybridKex } from "./hybrid-kex.ts";

/** As soon as the server's first line is there. Only servers have an event for that. */
function extendOnHeader(client: object): void {
  const protocol = (client as { _protocol: { _onHeader(header: unknown): void } })._protocol;
  const onHeader = protocol._onHeader;
  protocol._onHeader = (header) => {
    hybridKex.extend(client);
    onHeader(header);
  };
}

/** A client of `ssh2` with the same extension. */
async function exchange(server: TestServer, kex: string[]): Promise<{ chosen: string; output: string }> {
  hybridKex.register();
  const client = new Client();
  const negotiated = once(client, "handshake") as Promise<[{ kex: string }]>;
  const ready = once(client, "ready");
  client.connect({ port: server.port, host: "127.0.0.1", username: "somebody", algorithms: { kex: kex as never } });
  if (kex.includes(hybridKex.name)) extendOnHeader(client);
  const [{ kex: chosen }] = await negotiated;
  await ready;
  const output = await new Promise<string>((resolve, reject) =>
    client.exec("echo hi", (error, channel) => {
      if (error) reject(error);
      else channel.once("data", (bytes: Buffer) => resolve(String(bytes)));
    }),
  );
  client.end();
  return { chosen, output };
}

test("a client that has the hybrid exchange uses it", async () => {
  await using server = await TestServer.start();
  server.open("somebody");
  for (const others of [["curve25519-sha256"], ["ecdh-sha2-nistp256", "curve25519-sha256"]]) {
    const { chosen, output } = await exchange(server, [hybridKex.name, ...others]);
    assert.deepEqual({ chosen, output }, { chosen: hybridKex.name, output: "hi\n" });
  }
});

test("a client without it, or that prefers another, uses that", async () => {
  await using server = await TestServer.start();
  server.open("somebody");
  assert.equal((await exchange(server, ["curve25519-sha256"])).chosen, "curve25519-sha256");
  assert.equal((await exchange(server, ["ecdh-sha2-nistp256", hybridKex.name])).chosen, "ecdh-sha2-nistp256");
});
