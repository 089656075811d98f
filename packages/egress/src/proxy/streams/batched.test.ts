import assert from "node:assert/strict";
import { once } from "node:events";
import { Writable } from "node:stream";
import { test } from "node:test";
import { batched } from "./batched.ts";

test("what is written in one turn of the event loop leaves in one piece", async () => {
  const pieces: string[] = [];
  const stream = new Writable({
    writev: (chunks, done) => {
      pieces.push(chunks.map(({ chunk }) => String(chunk)).join("|"));
      done();
    },
  });
  const together = batched(stream);
  for (const text of ["a", "b"]) {
    together();
    stream.write(text);
  }
  process.nextTick(() => {
    together();
    stream.write("c");
  });
  await new Promise(setImmediate);
  assert.deepEqual(pieces, ["a|b|c"]);
  together();
  stream.end("d");
  await once(stream, "finish");
  assert.deepEqual(pieces, ["a|b|c", "d"]);
});
