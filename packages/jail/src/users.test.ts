import assert from "node:assert/strict";
import { test } from "node:test";
import { JailUsers } from "./users.ts";

test("no two processes have the same user at the same time, however many there were before", {
  skip: process.getuid!() !== 0 && "only root gives users away",
}, () => {
  const users = new JailUsers(1_879_048_192, 1_000);
  const adopted = users.take()!.uid;
  users.release(adopted);
  users.reserve(adopted);
  const lasting = users.take()!.uid;
  // More than the number of users.
  for (let n = 0; n < 3_000; n++) {
    const { uid } = users.take()!;
    assert.ok(uid !== lasting && uid !== adopted);
    users.release(uid);
  }
});
