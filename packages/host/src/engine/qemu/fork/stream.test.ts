import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import { devicesOffset, MAX_STATE_BYTES, StreamError, spliceStates } from "./stream.ts";

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const join = (...parts: (Buffer | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));

const HEADER = join(Buffer.from("QEVM"), u32(3));
const RAM_ID = 2;
const footer = join(0x7e, u32(RAM_ID));
const device = (name: string) => join(4, u32(9), text(name), u32(0), u32(1), randomBytes(40), 0x7e, u32(9));
const DEVICES = join(HEADER, device("timer"), device("virtio-mmio"), 0);

/** A template's state in the form that QEMU 10.0 writes. */
function templateState({ capability = "x-ignore-shared", section = "ram" } = {}): Buffer {
  const capabilities = join(5, text("configuration/capabilities"), u32(1), u32(1), text(capability));
  const configuration = join(7, u32(7), Buffer.from("microvm"), capabilities);
  const block = (name: string, bytes: number) => join(text(name), u64(bytes), u64(0));
  const blocks = join(u64(0x5000_1000 | 4), block("m0", 0x5000_0000), block("pc.bios", 0x1000), u64(0x10));
  const setup = join(1, u32(RAM_ID), text(section), u32(0), u32(4), blocks, footer);
  const pages = join(u64(0x08), text("pc.bios"), randomBytes(4096), u64(0x2000 | 0x22), 0, u64(0x10));
  const parts = join(2, u32(RAM_ID), pages, footer, 3, u32(RAM_ID), u64(0x10), footer);
  return join(
    HEADER,
    configuration,
    setup,
    parts,
    8,
    u16(11),
    u16(0),
    DEVICES.subarray(8),
    6,
    u32(2),
    Buffer.from("{}"),
  );
}

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
