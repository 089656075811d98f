import assert from "node:assert/strict";
import { test } from "node:test";
import type { SandboxDetail } from "@sandkeep/protocol";
import { presentSandboxes } from "./present-sandboxes.ts";

test("running and paused sandboxes are one list, newest first; one that is paused meanwhile is in it once", async () => {
  const sandbox = (id: string, status: string, second: number) =>
    ({ id, status, createdAt: new Date(second * 1_000).toISOString() }) as SandboxDetail;
  const lists = {
    running: [sandbox("c", "running", 3), sandbox("a", "running", 1)],
    paused: [sandbox("b", "paused", 2), sandbox("a", "paused", 1)],
  };
  const found = await presentSandboxes(async (status) => lists[status]);
  assert.deepEqual(
    found.map(({ id, status }) => `${id} ${status}`),
    ["c running", "b paused", "a paused"],
  );
});
