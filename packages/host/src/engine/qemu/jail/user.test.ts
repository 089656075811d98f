import assert from "node:assert/strict";
import { test } from "node:test";
import { jailUser, releaseUser, reserveUser } from "./user.ts";

test("no two processes have the same user at the same time, however many there were before", {
  skip: process.getuid!() !== 0 && "only root gives users away",
}, () => {
  const adopted = jailUser()!.uid;
  releaseUser(adopted);
  reserveUser(adopted);
  const lasting = jailUser()!.uid;
  // More than the number of users.
  for (let n = 0; n < 70_000; n++) {
    const { uid } = jailUser()!;
    assert.ok(uid !== lasting && uid !== adopted);
    releaseUser(uid);
  }
});
