import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { UpstreamSocket } from "../../dial/upstream-socket.ts";
import { Carrier } from "./carrier.ts";

test("every byte arrives once and in order, however often the reader pauses, although all connections read into the same memory", async () => {
  const bodies = [randomBytes(3_000_001), randomBytes(2_000_003)];
  const server = createServer((socket) => {
    socket.once("data", ([which]) => socket.end(bodies[which!]!));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };

  const received = bodies.map(async (body, which) => {
    const carrier = new Carrier(new UpstreamSocket().connect(port, "127.0.0.1"));
    const parts: Buffer[] = [];
    // Node's TLS copies what it gets at once, as this does.
    carrier.on("data", (chunk: Buffer) => {
      parts.push(Buffer.from(chunk));
      if (parts.length % 3 !== 0) return;
      carrier.pause();
      void turn().then(() => carrier.resume());
    });
    carrier.write(Buffer.of(which));
    await once(carrier, "end");
    carrier.destroy();
    assert.ok(Buffer.concat(parts).equals(body));
  });
  await Promise.all(received);
  server.close();
});
