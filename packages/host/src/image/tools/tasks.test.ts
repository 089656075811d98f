import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { together } from "./tasks.ts";

test("results come in order", async () => {
  assert.deepEqual(await together(undefined, [async () => 1, async () => "two"]), [1, "two"]);
});

test("the first failure aborts the others, and waits for them", async () => {
  let ended = false;
  const waits = async (signal: AbortSignal) => {
    await once(signal, "abort");
    await new Promise(setImmediate);
    ended = true;
    throw new Error("consequence");
  };
  await assert.rejects(together(undefined, [waits, async () => Promise.reject(new Error("cause"))]), /cause/);
  assert.ok(ended);
});

test("an abort from outside rejects with its reason", async () => {
  const controller = new AbortController();
  const waits = async (signal: AbortSignal) => void (await once(signal, "abort"));
  const running = together(controller.signal, [waits]);
  controller.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
});
