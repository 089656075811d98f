import assert from "node:assert/strict";
import { test } from "node:test";
import { unusable } from "./explained.ts";

test("a layer that is lost damages its disk; that the computer has run out of something does not", () => {
  const failed = (code: string) => Object.assign(new Error(code), { code });
  for (const cause of [failed("ENOENT"), failed("ELOOP"), new Error("it is not a qcow2 file")])
    assert.throws(
      () => {
        throw unusable("vol", cause);
      },
      { code: "DAMAGED_DISK", cause },
    );
  for (const cause of [failed("EMFILE"), failed("ENOMEM")]) assert.equal(unusable("vol", cause), cause);
});
