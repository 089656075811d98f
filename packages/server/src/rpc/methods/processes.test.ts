import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSandbox } from "../testing/mod.ts";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox[Symbol.asyncDispose]());

test("a process gives its output and exit", async () => {
  const { status, stdout, stderr } = await sandbox.client.run("bash", ["-c", "echo out; echo err >&2; exit 3"]);
  assert.deepEqual(status, { success: false, code: 3, signal: null, oom: null });
  assert.equal(stdout, "out\n");
  assert.equal(stderr, "err\n");
});
