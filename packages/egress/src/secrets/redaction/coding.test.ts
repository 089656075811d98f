import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable, type Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createBrotliCompress, createDeflate, createDeflateRaw, createGzip, createZstdCompress } from "node:zlib";
import { fc, property } from "../../testing/property.ts";
import { chunked, cuts } from "../testing/arbitraries.ts";
import { decoder, filterAcceptEncoding } from "./coding.ts";

const CODERS: [name: string, coding: string, make: () => Transform & { flush(done: () => void): void }][] = [
  ["gzip", "gzip", createGzip],
  ["x-gzip", "x-gzip", createGzip],
  ["deflate", "deflate", createDeflate],
  ["raw deflate", "deflate", createDeflateRaw],
  ["br", "br", createBrotliCompress],
  ["zstd", "zstd", createZstdCompress],
];

async function through(chunks: Iterable<Buffer>, ...streams: Transform[]): Promise<Buffer> {
  const got: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      got.push(chunk);
      done();
    },
  });
  await pipeline([Readable.from(chunks, { objectMode: false }), ...streams, sink]);
  return Buffer.concat(got);
}

for (const [name, coding, make] of CODERS) {
  test(`opens ${name}, however it is split`, () =>
    property(
      [fc.uint8Array({ maxLength: 2000 }), cuts, fc.boolean()],
      async (bytes, places, every) => {
        const coded = await through([Buffer.from(bytes)], make());
        assert.deepEqual(await through(chunked(coded, places, every), ...decoder(coding)!), Buffer.from(bytes));
      },
      { runs: 30 },
    ));

  test(`gives out what is flushed in ${name} at once`, { timeout: 10_000 }, async () => {
    const coder = make();
    const [opened] = decoder(coding)!;
    coder.pipe(opened!);
    for (let event = 0; event < 3; event++) {
      const text = `data: ${event}\n\n`;
      let got = "";
      coder.write(text);
      coder.flush(() => {});
      while (got.length < text.length) got += String((await once(opened!, "data"))[0]);
      assert.equal(got, text);
    }
    coder.destroy();
    opened!.destroy();
  });

  test(`fails when ${name} ends too early or is not what it says`, async () => {
    const coded = await through([Buffer.from("some text that is long enough ".repeat(20))], make());
    await assert.rejects(through([coded.subarray(0, -3)], ...decoder(coding)!), /unexpected end/);
    await assert.rejects(through([Buffer.from("this is plain text")], ...decoder(coding)!));
    await assert.rejects(through([coded.subarray(0, 1)], ...decoder(coding)!));
  });

  test(`takes a body without a byte for empty in ${name}`, async () => {
    assert.equal((await through([], ...decoder(coding)!)).length, 0);
  });

  test(`streams what a small body in ${name} grows to, and waits for the reader`, { timeout: 30_000 }, async () => {
    const SIZE = 64 << 20;
    const LIMIT = 1 << 20;
    const zeros = Buffer.alloc(1 << 20);
    const bomb = await through(
      Array.from({ length: SIZE >> 20 }, () => zeros),
      make(),
    );
    assert.ok(bomb.length < SIZE / 500);
    const [opened] = decoder(coding)!;
    const source = Readable.from([bomb], { objectMode: false });
    source.pipe(opened!);
    await once(opened!, "readable");
    const before = process.memoryUsage().arrayBuffers;
    // Nobody reads. In this time a decoder that does not wait would give out most of it.
    await setTimeout(100);
    assert.ok(opened!.readableLength < LIMIT, `${opened!.readableLength} bytes wait`);
    assert.ok(process.memoryUsage().arrayBuffers - before < LIMIT);
    let read = 0;
    for await (const chunk of opened!) read += (chunk as Buffer).length;
    assert.equal(read, SIZE);
  });
}

test("opens codings inside of codings, in the right order", async () => {
  const text = Buffer.from("inner and outer");
  const coded = await through([text], createGzip(), createBrotliCompress(), createDeflate());
  assert.deepEqual(await through([coded], ...decoder(" GZIP ,br, identity, deflate")!), text);
});

test("knows no more than three codings, and none that it cannot open", () => {
  assert.deepEqual(decoder("identity"), []);
  assert.deepEqual(decoder(""), []);
  for (const coding of ["compress", "gzip, unknown", "gzip, gzip, gzip, gzip", "constructor", "br;q=1"])
    assert.equal(decoder(coding), null);
});

test("asks for no coding that cannot be opened", () => {
  for (const [given, left] of [
    ["gzip, deflate, br, zstd", "gzip, deflate, br, zstd"],
    ["GZIP;q=0.5, compress, dcb , br;q=1.0", "GZIP;q=0.5, br;q=1.0"],
    ["*", "identity"],
    ["compress, *;q=0.1", "identity"],
    ["identity;q=0, gzip", "identity;q=0, gzip"],
    ["", "identity"],
  ] as const) {
    assert.equal(filterAcceptEncoding(given), left);
  }
});
