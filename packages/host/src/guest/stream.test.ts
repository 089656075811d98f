import assert from "node:assert/strict";
import type { ClientHttp2Stream } from "node:http2";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { z } from "zod";
import { encodePrefix } from "./prefix.ts";
import { Http2GuestStream } from "./stream.ts";

/** A stream whose guest is the test, and what it was blamed for. */
function opened() {
  const blamed: string[] = [];
  const request = Object.assign(new PassThrough(), { rstCode: 0, close() {} });
  // What the host writes does not come back.
  request.write = () => true;
  const stream = new Http2GuestStream(request as unknown as ClientHttp2Stream, Buffer.alloc(0), z.object({}), 1_000, {
    violation: (detail) => blamed.push(detail),
  });
  stream.on("error", () => {});
  return { stream, blamed, receive: (bytes: Buffer) => void request.emit("data", bytes) };
}

const HEAD = encodePrefix({ ok: {} });

test("what a reader throws is not taken for a breach of the guest's", async () => {
  for (const first of [[HEAD], []]) {
    const { stream, blamed, receive } = opened();
    for (const bytes of first) receive(bytes);
    stream.on("data", () => {
      throw new Error("the reader's own");
    });
    await new Promise(setImmediate);
    if (first.length === 0) receive(HEAD);
    assert.throws(() => receive(Buffer.from("bytes")), /the reader's own/);
    assert.deepEqual([blamed, stream.destroyed], [[], false]);
  }
});

test("a head longer than the method's is refused before it has come", async () => {
  const { stream, blamed, receive } = opened();
  receive(Buffer.from([0, 0, 3, 0xe9]));
  await assert.rejects(stream.head);
  assert.match(blamed.join(), /1001 bytes/);
});

test("a head that breaks the contract ends the stream, and is the guest's fault", async () => {
  const { stream, blamed, receive } = opened();
  receive(encodePrefix("nonsense"));
  await assert.rejects(stream.head);
  assert.equal(blamed.length, 1);
});
