import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../errors/api.ts";
import { readEvents } from "./server-sent-events.ts";

function answer(...chunks: string[]): Response {
  return new Response(ReadableStream.from(chunks).pipeThrough(new TextEncoderStream()));
}

test("gives the data of each event, however it is cut into chunks", async () => {
  const events = await Array.fromAsync(
    readEvents(answer('data: {"a"', ":1}\n", '\n: comment\nevent: x\ndata:{"b":\ndata: 2}\r\n\r\n', 'data: "é"')),
  );
  assert.deepEqual(events, [{ a: 1 }, { b: 2 }, "é"]);
});

test("gives nothing for an empty stream", async () => {
  assert.deepEqual(await Array.fromAsync(readEvents(answer("\n\n"))), []);
});

test("refuses data that is not JSON", async () => {
  await assert.rejects(() => Array.fromAsync(readEvents(answer("data: nonsense\n\n"))), ApiError);
});
