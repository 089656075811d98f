import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { test } from "node:test";
import type { HttpDoor } from "../contract.ts";
import { TestGateway } from "../testing/gateway.ts";
import { Occupancy } from "./occupancy.ts";

const door = (id: string, organisation: string): HttpDoor => ({
  id,
  sandboxId: "sbx",
  organisation,
  host: `${id}.doors.test`,
  auth: "none",
});

const BUSY = { code: "DOOR_BUSY" };

test("one organisation leaves room for others, on however many doors", () => {
  const occupancy = new Occupancy(8);
  const places = ["a", "b", "c", "d"].map((id) => occupancy.enter(door(id, "one")));
  assert.throws(() => occupancy.enter(door("e", "one")), BUSY);
  const others = ["f", "g", "h", "i"].map((id) => occupancy.enter(door(id, "two")));
  assert.throws(() => occupancy.enter(door("j", "three")), BUSY);
  places[0]![Symbol.dispose]();
  occupancy.enter(door("j", "three"));
  for (const place of others) place[Symbol.dispose]();
  for (let at = 0; at < 4; at++) occupancy.enter(door("f", "two"));
});

test("one door leaves room for others of its organisation", () => {
  const occupancy = new Occupancy(10_000);
  let taken = 0;
  assert.throws(() => {
    for (; ; taken++) occupancy.enter(door("a", "one"));
  }, BUSY);
  assert.equal(taken, 1_024);
  occupancy.enter(door("b", "one"));
});

test("a visitor who leaves while the sandbox is being reached counts until that is over", async () => {
  await using gateway = await TestGateway.start({ maxOpen: 20 });
  gateway.doors.open("slow.doors.test", null);
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  let dials = 0;
  gateway.doors.dial = () => {
    dials++;
    return promise;
  };
  for (let at = 1; at <= 10; at++) {
    const request = httpsRequest(gateway.options("slow")).end();
    const left = new Promise<void>((resolve) => request.on("error", () => {}).once("close", () => resolve()));
    while (dials < at) await new Promise(setImmediate);
    request.destroy();
    await left;
  }
  assert.equal((await gateway.get("slow")).status, 503);
  assert.equal(dials, 10);
  reject(new Error("unreachable"));
});

test("a WebSocket counts until it is closed", async () => {
  await using gateway = await TestGateway.start({ maxOpen: 2 });
  const server = await gateway.serve("socket", (_request, response) => response.end());
  server.on("upgrade", (_request, socket: Socket) =>
    socket.write("HTTP/1.1 101 Switching\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"),
  );
  const { socket } = await gateway.upgrade("socket");
  assert.equal((await gateway.upgrade("socket")).got!.status, 503);
  socket!.destroy();
  // The gateway may hear of it a moment later.
  let again = await gateway.upgrade("socket");
  while (!again.socket) again = await gateway.upgrade("socket");
});
