import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { Scanner } from "../../secrets/mod.ts";
import { ScannedBody } from "./scanned-body.ts";

/** Makes everything upper case, and holds back the last byte of each piece. */
function shouting(): Scanner {
  let held = Buffer.alloc(0);
  return {
    push: (chunk) => {
      const all = Buffer.concat([held, chunk]);
      held = all.subarray(-1);
      return [Buffer.from(String(all.subarray(0, -1)).toUpperCase())].filter(({ length }) => length > 0);
    },
    flush: () => [Buffer.from(String(held).toUpperCase())],
  };
}

const open = () => new Readable({ read: () => undefined });

test("everything passes through the scanner, and what it holds back comes at the end", async () => {
  const body = Readable.from([Buffer.from("a"), Buffer.from("bc"), Buffer.from("def")], { objectMode: false });
  assert.equal((await new ScannedBody(body, shouting()).toArray()).join(""), "ABCDEF");
});

test("the body is paused as soon as a piece has to wait, and goes on when that is read", async () => {
  const body = open();
  const scanned = new ScannedBody(body, shouting());
  assert.ok(body.isPaused());
  scanned.on("data", () => undefined).pause();
  scanned.read(0);
  body.push(Buffer.alloc(100_000, "a"));
  await new Promise(setImmediate);
  assert.ok(body.isPaused());
  assert.equal(scanned.readableLength, 99_999);
  scanned.resume();
  await once(scanned, "data");
  await new Promise(setImmediate);
  assert.ok(!body.isPaused());
});

test("an error of the scanner or the body ends both", async () => {
  const failing: Scanner = {
    push: () => {
      throw new Error("too long");
    },
    flush: () => [],
  };
  const body = open();
  body.on("error", () => undefined);
  const scanned = new ScannedBody(body, failing).resume();
  body.push("a");
  assert.equal((await once(scanned, "error"))[0].message, "too long");
  assert.ok(body.destroyed);

  const cut = open();
  cut.on("error", () => undefined);
  const passed = new ScannedBody(cut, shouting()).resume();
  cut.destroy(new Error("reset"));
  assert.equal((await once(passed, "error"))[0].message, "reset");
});

test("a body that closes before its end is not taken for a whole one, and one that nobody wants any more is destroyed", async () => {
  const cut = open();
  const passed = new ScannedBody(cut, shouting()).resume();
  cut.destroy();
  assert.equal((await once(passed, "error"))[0].message, "The body was cut off.");

  const unwanted = open();
  new ScannedBody(unwanted, shouting()).destroy();
  assert.ok(unwanted.destroyed);
});
