import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { ChildProcess } from "sandkeep";
import { carryOutputs } from "./outputs.ts";

test("a connection that ends while a command is being ended fails the command, and nothing else", async () => {
  const lost = new Error("the connection was closed");
  const status = Promise.withResolvers<never>();
  const kill = async () => {
    status.reject(lost);
    throw lost;
  };
  const gone = new PassThrough();
  gone.destroy();
  // What nobody catches would fail this test.
  await assert.rejects(
    carryOutputs({ status: status.promise, kill } as unknown as ChildProcess, [[new ReadableStream(), gone]]),
    lost,
  );
  await new Promise(setImmediate);
});
