import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLinkHeader } from "./link-header.ts";

test("finds every relation", () => {
  assert.deepEqual(
    parseLinkHeader('<https://a.test/x?cursor=1>; rel="next", <https://a.test/x?cursor=0>; rel="prev"'),
    {
      next: "https://a.test/x?cursor=1",
      prev: "https://a.test/x?cursor=0",
    },
  );
});

test("ignores other parameters and a missing header", () => {
  assert.deepEqual(parseLinkHeader('<https://a.test/>; title="x"; rel=next'), { next: "https://a.test/" });
  assert.deepEqual(parseLinkHeader(null), {});
  assert.deepEqual(parseLinkHeader("nonsense"), {});
});
