import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { createSecureContext } from "node:tls";
import { connectTls } from "./tls.ts";

test("an upstream that went before TLS began is noticed at once", async () => {
  const server = createServer((socket) => void socket.on("error", () => {}).end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const open = () => connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const handshake = (socket: ReturnType<typeof open>) =>
    connectTls(socket, "api.test", [], createSecureContext(), new AbortController().signal);
  try {
    const ended = open();
    await once(ended.resume(), "end");
    const gone = open();
    gone.destroy();
    await once(gone, "close");
    for (const socket of [ended, gone])
      await assert.rejects(handshake(socket), (error: Error) => !/too long/.test(error.message));
  } finally {
    server.close();
  }
});
