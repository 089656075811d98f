import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Keepalive } from "./keepalive.ts";
import type { Socket } from "./socket.ts";

function socket() {
  return {
    OPEN: 1,
    readyState: 1,
    sent: [] as string[],
    terminated: 0,
    send(text: string) {
      this.sent.push(text);
    },
    terminate() {
      this.terminated++;
    },
  };
}

test("pings every two seconds, and ends a connection on which nothing arrives any more", () => {
  mock.timers.enable({ apis: ["setInterval"] });
  const silent = socket();
  const keepalive = new Keepalive(silent as unknown as Socket);
  mock.timers.tick(10_000);
  assert.equal(silent.sent.length, 5);
  keepalive.heard();
  mock.timers.tick(30_000);
  assert.equal(silent.terminated, 0);
  mock.timers.tick(2_000);
  assert.equal(silent.terminated, 1);
  keepalive.stop();
  mock.timers.tick(10_000);
  assert.equal(silent.terminated, 1);
  mock.timers.reset();
});
