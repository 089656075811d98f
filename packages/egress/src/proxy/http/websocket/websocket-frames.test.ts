import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { parsePattern } from "../../../policy/mod.ts";
import { newPlaceholder, Redactor, SecretSet } from "../../../secrets/mod.ts";
import { fc, property } from "../../../testing/property.ts";
import { type Frame, FrameReader, frame } from "../../testing/frames.ts";
import { Frames } from "./websocket-frames.ts";

const VALUE = "aXaY-secret-value";
const placeholder = newPlaceholder();
const redactor = new Redactor(
  new SecretSet([
    { name: "KEY", placeholder, value: Buffer.from(VALUE), hosts: [parsePattern("api.test")], inBody: false },
  ]),
);

function frames(masked: boolean): Frames {
  return new Frames({
    masked,
    message: () => redactor.scanner(),
    control: () => redactor.scanner({ keepLength: true }),
  });
}

/** Sends bytes in chunks and gives the frames that come out, or the error. */
async function pass(stream: Frames, bytes: Buffer, sizes: number[]): Promise<Frame[]> {
  const out: Frame[] = [];
  const reader = new FrameReader((one) => out.push(one));
  stream.on("data", (chunk: Buffer) => reader.push(chunk));
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    if (at >= bytes.length) break;
    stream.write(bytes.subarray(at, at + size));
    at += size;
  }
  stream.end();
  await once(stream, "end");
  return out;
}

const messages = (list: Frame[]) => {
  const whole: { opcode: number; text: string }[] = [];
  for (const { opcode, payload } of list.filter((one) => one.opcode < 8)) {
    if (opcode !== 0) whole.push({ opcode, text: "" });
    whole.at(-1)!.text += payload.toString("latin1");
  }
  return whole;
};

const text = fc
  .array(fc.constantFrom("a", "aX", "aXaY-", VALUE, "secret", "\0", "x".repeat(130)), { maxLength: 6 })
  .map((parts) => parts.join(""));

test("messages arrive as they were, with values taken out, however frames and chunks are cut", () =>
  property(
    [
      fc.array(fc.tuple(fc.constantFrom(1, 2), text, fc.array(fc.nat(20), { maxLength: 4 }), fc.boolean()), {
        maxLength: 4,
      }),
      fc.array(fc.integer({ min: 1, max: 50 })),
      fc.boolean(),
    ],
    async (list, chunks, mask) => {
      const bytes: Buffer[] = [];
      for (const [opcode, whole, cuts, ping] of list) {
        let at = 0;
        const payload = Buffer.from(whole, "latin1");
        for (const [index, cut] of [...cuts, payload.length].entries()) {
          const final = index === cuts.length;
          bytes.push(
            frame(index === 0 ? opcode : 0, payload.subarray(at, final ? undefined : at + cut), { final, mask }),
          );
          at += final ? 0 : cut;
          if (ping) bytes.push(frame(9, Buffer.from("ping"), { mask }));
        }
      }
      const out = await pass(frames(mask), Buffer.concat(bytes), chunks);
      assert.deepEqual(
        messages(out),
        list.map(([opcode, whole]) => ({ opcode, text: whole.replaceAll(VALUE, placeholder) })),
      );
      assert.equal(
        out.filter(({ opcode }) => opcode === 9).length,
        list.reduce((sum, [, , cuts, ping]) => sum + (ping ? cuts.length + 1 : 0), 0),
      );
      assert.equal(out.filter(({ opcode, final }) => opcode < 8 && final).length, list.length);
    },
    { runs: 200 },
  ));

test("a value in a control frame is taken out without making it longer", async () => {
  const [close] = await pass(frames(false), frame(8, Buffer.from(`\x03\xe8${VALUE}`, "latin1")), [3]);
  assert.equal(close!.payload.length, VALUE.length + 2);
  assert.ok(!close!.payload.includes(VALUE));
});

for (const [what, bytes] of [
  ["reserved bits", Buffer.from([0xc1, 0])],
  ["an unknown kind", Buffer.from([0x83, 0])],
  ["a control frame in parts", Buffer.from([0x09, 0])],
  ["a control frame that is too long", frame(9, Buffer.alloc(126))],
  ["a part without a beginning", frame(0, Buffer.from("x"))],
  [
    "a beginning within a message",
    Buffer.concat([frame(1, Buffer.from("x"), { final: false }), frame(1, Buffer.from("x"))]),
  ],
  ["a length of more than can be", Buffer.from([0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255])],
  ["a mask where there is none", frame(1, Buffer.from("x"), { mask: true })],
] as const) {
  test(`is an error: ${what}`, async () => {
    const stream = frames(false);
    const failed = once(stream, "error");
    stream.resume();
    stream.write(bytes);
    assert.equal(((await failed)[0] as Error).name, "FrameError");
  });
}

test("any bytes are frames or an error", () =>
  property([fc.uint8Array({ maxLength: 300 })], async (bytes) => {
    const stream = frames(true);
    stream.resume();
    stream.on("error", () => undefined);
    stream.end(Buffer.from(bytes));
    await new Promise((resolve) => stream.once("close", resolve));
  }));
