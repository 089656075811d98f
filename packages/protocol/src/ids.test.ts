import assert from "node:assert/strict";
import { test } from "node:test";
import { isSandboxId, newSandboxId } from "./ids.ts";

test("ids have the form that clients check for", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 2_000; i++) {
    const id = newSandboxId("ord");
    assert.match(id, /^sbx_ord_[0-9abcdefghjkmnpqrstuvwxyz]{20}$/);
    assert.ok(isSandboxId(id));
    seen.add(id);
  }
  assert.equal(seen.size, 2_000);
});

test("anything else is no id", () => {
  for (const id of [
    "",
    "sbx_ord_",
    "sbx_ord_1at5nn58e77rtd11e3k",
    "sbx_ORD_1at5nn58e77rtd11e3k3",
    "sbx_ord_1at5nn58e77rtd11e3ki",
    "sbx_ord_1at5nn58e77rtd11e3k3\n",
    "../sbx_ord_1at5nn58e77rtd11e3k3",
  ]) {
    assert.equal(isSandboxId(id), false, JSON.stringify(id));
  }
});
