import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { rpcMethods } from "@sandkeep/protocol";
import { RPC_LIMITS } from "./limits.ts";

test("docs/wire-protocol.md names every method and every limit", async () => {
  const page = await readFile(new URL("../../../docs/wire-protocol.md", import.meta.url), "utf8");
  for (const name of [...Object.keys(rpcMethods), ...Object.keys(RPC_LIMITS)])
    assert.ok(page.includes(`\`${name}\``), name);
});
