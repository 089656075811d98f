import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { collectMount } from "./mount.ts";

test("volumes are given with their paths", () => {
  const first = collectMount("/data=my-data");
  assert.deepEqual(collectMount("/with space/a=b=vol_ord_1at5nn58e77rtd11e3k3:ro", first), {
    "/data": { volume: "my-data", readOnly: false },
    "/with space/a=b": { volume: "vol_ord_1at5nn58e77rtd11e3k3", readOnly: true },
  });
  for (const text of ["", "/data", "/data=", "data=x", "/data=x:rw", "/data=:ro"])
    assert.throws(() => collectMount(text), UsageError, text);
  assert.throws(() => collectMount("/data=other", first), /two volumes/);
});
