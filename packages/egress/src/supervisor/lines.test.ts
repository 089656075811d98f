import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { readLines, writeLine } from "./lines.ts";

test("messages arrive whole, however their bytes are cut", async () => {
  const stream = new PassThrough();
  const got: unknown[] = [];
  readLines(stream, (message) => got.push(message));
  const sent = [{ a: "line\nbreak" }, { b: "ü".repeat(1_000) }, {}];
  for (const byte of Buffer.from(sent.map((message) => `${JSON.stringify(message)}\n`).join("")))
    stream.write(Buffer.from([byte]));
  writeLine(stream, sent[0]);
  stream.end();
  await once(stream, "end");
  assert.deepEqual(got, [...sent, sent[0]]);
});

test("what is not JSON ends the stream", async () => {
  const stream = new PassThrough();
  readLines(stream, () => {});
  stream.write("{}\nnonsense\n");
  const [error] = (await once(stream, "error")) as [Error];
  assert.match(error.message, /JSON/);
});

test("a line without end does not fill the memory", async () => {
  const stream = new PassThrough();
  readLines(stream, () => assert.fail("there is no line"));
  const failed = once(stream, "error");
  const chunk = Buffer.alloc(1024 * 1024, "x");
  while (!stream.destroyed) {
    stream.write(chunk);
    await new Promise(setImmediate);
  }
  assert.match(((await failed)[0] as Error).message, /longer than/);
});
