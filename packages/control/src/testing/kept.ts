/** FOR TESTS ONLY: whether a sandbox has kept its memory. */
import assert from "node:assert/strict";
import { join } from "./client.ts";
import type { Fixture } from "./fixture.ts";

/** Sets something in a sandbox that only its memory has. */
export async function setKept(client: { call(method: string, params: object): Promise<unknown> }): Promise<void> {
  assert.deepEqual(await client.call("envSet", { key: "KEPT", value: "yes" }), { ok: null });
}

export async function assertKept(fixture: Fixture, id: string): Promise<void> {
  const client = await join(fixture, id);
  assert.deepEqual(await client.call("envGet", { key: "KEPT" }), { ok: "yes" });
}
