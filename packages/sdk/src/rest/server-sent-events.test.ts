import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../errors/api.ts";
import { MAX_EVENT_LENGTH, readEvents } from "./server-sent-events.ts";

function answer(...chunks: string[]): Response {
  return new Response(ReadableStream.from(chunks).pipeThrough(new TextEncoderStream()));
}

test("reads the data of each event, however it is split into chunks", async () => {
  const events = await Array.fromAsync(
    readEvents(answer('data: {"a"', ":1}\n", '\n: comment\nevent: x\ndata:{"b":\ndata: 2}\r\n\r\n', 'data: "é"')),
  );
  assert.deepEqual(events, [{ a: 1 }, { b: 2 }, "é"]);
});

test("reads every event of a chunk with several, and characters that are split", async () => {
  const bytes = new TextEncoder().encode('data: 1\n\ndata: 2\n\ndata: "é"\n\n');
  const body = ReadableStream.from([bytes.subarray(0, 26), bytes.subarray(26)]);
  assert.deepEqual(await Array.fromAsync(readEvents(new Response(body))), [1, 2, "é"]);
});

test("reads nothing from an empty stream", async () => {
  assert.deepEqual(await Array.fromAsync(readEvents(answer("\n\n"))), []);
});

test("refuses data that is not JSON", async () => {
  await assert.rejects(() => Array.fromAsync(readEvents(answer("data: nonsense\n\n"))), ApiError);
});

test("refuses an event that does not end, and stops reading", async () => {
  let sent = 0;
  let cancelled = false;
  const chunk = new TextEncoder().encode(`data: ${"x".repeat(65_530)}`);
  const endless = new ReadableStream({
    pull(controller) {
      sent += chunk.length;
      controller.enqueue(chunk);
    },
    cancel() {
      cancelled = true;
    },
  });
  await assert.rejects(
    () => Array.fromAsync(readEvents(new Response(endless))),
    (error) => error instanceof ApiError && error.code === "INVALID_EVENT" && /4194304 characters/.test(error.message),
  );
  assert.ok(sent < 2 * MAX_EVENT_LENGTH, `${sent} bytes were read`);
  assert.ok(cancelled);
});

test("cancels the response when its reader stops", async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
    cancel() {
      cancelled = true;
    },
  });
  for await (const _ of readEvents(new Response(body))) break;
  assert.ok(cancelled);
});
