import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Intake } from "./intake.ts";
import { MAX_UNSENT_BYTES, SLOW_PIECE_MS } from "./limits.ts";

/** A socket whose pieces the test makes. */
class FakeSocket extends EventEmitter {
  writableLength = 0;
  paused = false;

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.emit("resumed");
  }
}

function opened(handle: () => void = () => {}): { socket: FakeSocket; intake: Intake } {
  const socket = new FakeSocket();
  const intake = new Intake(socket as unknown as Socket);
  socket.on("data", handle);
  intake.watch();
  return { socket, intake };
}

function spin(): void {
  const until = performance.now() + 2 * SLOW_PIECE_MS;
  while (performance.now() < until);
}

test("others get a turn after a piece that takes long, and then the next one comes", async () => {
  const { socket } = opened(spin);
  const resumed = once(socket, "resumed");
  socket.emit("data");
  assert.ok(socket.paused);
  await resumed;
  assert.ok(!socket.paused);
});

test("a client that does not take its answers cannot ask for more", () => {
  const { socket } = opened();
  socket.writableLength = MAX_UNSENT_BYTES + 1;
  socket.emit("data");
  assert.ok(socket.paused);
  socket.writableLength = 0;
  socket.emit("drain");
  assert.ok(!socket.paused);
});

test("nothing is taken before all reasons to wait are gone", () => {
  const { socket, intake } = opened();
  const [first, second] = [intake.hold(), intake.hold()];
  first();
  first();
  assert.ok(socket.paused);
  second();
  assert.ok(!socket.paused);
});

test("what comes after the end is discarded", () => {
  let handled = 0;
  const { socket, intake } = opened(() => handled++);
  intake.hold();
  intake.stop();
  socket.emit("data");
  assert.deepEqual([handled, socket.paused], [0, false]);
});
