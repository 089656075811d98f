import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { parseAddress } from "../policy/mod.ts";
import { frameDatagram } from "./datagrams.ts";
import { openUdp, relayUdp } from "./udp.ts";

test("datagrams are dropped while too many wait for a network that is slower than the guest", async () => {
  const server = createSocket("udp4").bind(0, "127.0.0.1");
  await once(server, "listening");
  const socket = await openUdp(parseAddress("127.0.0.1")!, server.address().port);
  // The loopback device never makes anybody wait.
  let waiting = 2 * 1024 * 1024;
  socket.getSendQueueSize = () => waiting;
  const stream = new PassThrough();
  const traffic = { bytesUp: 0, bytesDown: 0 };
  const relayed = relayUdp(stream, socket, traffic);
  stream.emit("data", frameDatagram(Buffer.from("dropped")));
  waiting = 0;
  const message = once(server, "message");
  stream.emit("data", frameDatagram(Buffer.from("sent")));
  assert.equal((await message)[0].toString(), "sent");
  assert.equal(traffic.bytesUp, 4);
  stream.destroy();
  await relayed;
  server.close();
});
