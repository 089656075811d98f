import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { devicesOffset, MAX_STATE_BYTES, StreamError, spliceStates } from "./stream.ts";
import { DEVICES, device, HEADER, join, templateState } from "./testing/states.ts";

test("the template's part before the devices is followed by the parent's devices", () => {
  const template = templateState();
  const offset = devicesOffset(template);
  assert.equal(template[offset], 4);
  assert.equal(template.toString("latin1", offset + 6, offset + 11), "timer");
  const parent = join(HEADER, device("timer"), device("another"), 0);
  const spliced = spliceStates(template, parent);
  assert.deepEqual(spliced.subarray(0, offset), template.subarray(0, offset));
  assert.deepEqual(spliced.subarray(offset, -7), parent.subarray(8));
  assert.equal(spliced.toString("latin1", spliced.length - 2), "{}");
  assert.equal(devicesOffset(spliced), offset);
});

test("a state of an unknown form is refused", () => {
  assert.throws(() => devicesOffset(templateState({ capability: "mapped-ram" })), /contains the guest's memory/);
  assert.throws(() => devicesOffset(templateState({ section: "dirty-bitmap" })), /something other than memory/);
  assert.throws(() => devicesOffset(Buffer.alloc(0)), StreamError);
  assert.throws(() => devicesOffset(Buffer.alloc(MAX_STATE_BYTES + 1)), /MiB/);
  const template = templateState();
  assert.throws(() => spliceStates(template, Buffer.alloc(0)), StreamError);
  assert.throws(() => spliceStates(template, HEADER), /too early/);
  assert.throws(() => spliceStates(template, DEVICES.subarray(0, -1)), /not complete/);
  assert.throws(() => spliceStates(template, template), /begin with a device/);
});

test("a state that is cut off before its devices is refused, wherever", () => {
  const template = templateState();
  const offset = devicesOffset(template);
  for (let length = 0; length <= offset; length++)
    assert.throws(() => devicesOffset(template.subarray(0, length)), StreamError, `${length} bytes`);
});

test("a state with wrong bytes is refused, or read to its end, quickly", () => {
  const template = templateState();
  const offset = devicesOffset(template);
  for (let n = 0; n < 5_000; n++) {
    const damaged = Buffer.from(template);
    for (let flips = randomInt(1, 4); flips > 0; flips--) damaged[randomInt(offset)]! ^= 1 << randomInt(8);
    try {
      assert.ok(devicesOffset(damaged) < damaged.length);
    } catch (error) {
      assert.ok(error instanceof StreamError, String(error));
    }
  }
});
