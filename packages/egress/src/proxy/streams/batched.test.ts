import assert from "node:assert/strict";
import { once } from "node:events";
import { Writable } from "node:stream";
import { test } from "node:test";
import { batched } from "./batched.ts";

function collecting(): { stream: Writable; pieces: string[] } {
  const pieces: string[] = [];
  const stream = new Writable({
    writev: (chunks, done) => {
      pieces.push(chunks.map(({ chunk }) => String(chunk).slice(0, 1)).join("|"));
      done();
    },
  });
  return { stream, pieces };
}

test("what is written in one turn of the event loop leaves in one piece", async () => {
  const { stream, pieces } = collecting();
  const together = batched(stream);
  const write = (letter: string) => {
    together(16_384);
    stream.write(letter.repeat(16_384));
  };
  write("a");
  write("b");
  process.nextTick(() => write("c"));
  await new Promise(setImmediate);
  assert.deepEqual(pieces, ["a|b|c"]);
  together(1);
  stream.end("d");
  await once(stream, "finish");
  assert.deepEqual(pieces, ["a|b|c", "d"]);
});

test("the first small chunk of a turn does not wait, those after it leave together", async () => {
  const { stream, pieces } = collecting();
  const together = batched(stream);
  for (const letter of "abc") {
    together(1);
    stream.write(letter);
  }
  assert.deepEqual(pieces, ["a"]);
  await new Promise(setImmediate);
  assert.deepEqual(pieces, ["a", "b|c"]);
  together(1);
  stream.write("d");
  assert.deepEqual(pieces, ["a", "b|c", "d"]);
  await new Promise(setImmediate);
});
