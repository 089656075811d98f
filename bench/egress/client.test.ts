import assert from "node:assert/strict";
import { test } from "node:test";
import { startRig } from "./rig.ts";

test("the client receives bodies, and says what they took", async () => {
  await using rig = await startRig();
  await using client = await rig.client();
  for (const bytes of [5_000_000, 2_000_000]) {
    const taken = await client.fetch(`/big?bytes=${bytes}`);
    assert.equal(taken.bytes, bytes);
    assert.ok(taken.ms > 0 && taken.cpuSeconds > 0);
  }
});
