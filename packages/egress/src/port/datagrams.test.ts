import assert from "node:assert/strict";
import { test } from "node:test";
import { BadDatagram, DatagramReader, frameDatagram } from "./datagrams.ts";

test("datagrams come out as they went in, however the bytes are cut", () => {
  const datagrams = [Buffer.from("one"), Buffer.alloc(0), Buffer.alloc(65_507, 7), Buffer.from("last")];
  const bytes = Buffer.concat(datagrams.map(frameDatagram));
  for (const size of [1, 2, 3, 1_000, bytes.length]) {
    const reader = new DatagramReader();
    const got: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size)
      got.push(...reader.push(bytes.subarray(at, at + size)).map((one) => Buffer.from(one)));
    assert.deepEqual(got, datagrams, `cut every ${size} bytes`);
  }
});

test("a length that no datagram has is refused", () => {
  assert.throws(() => new DatagramReader().push(Buffer.from([0xff, 0xff])), BadDatagram);
});
