import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sdk } from "../harness/sdk.ts";
import { sharedSandbox } from "../harness/shared.ts";

/** `sandbox.env`, and the environment that a sandbox is created with. */
export default function environment(sdk: Sdk): void {
  const sandbox = sharedSandbox(sdk, { env: { FROM_OPTIONS: "ä =\"'$x", EMPTY: "" } });

  test("holds what the sandbox was created with", async () => {
    const { env } = sandbox();
    assert.equal(await env.get("FROM_OPTIONS"), "ä =\"'$x");
    assert.equal(await sandbox().sh`printf %s "$FROM_OPTIONS"`.text(), "ä =\"'$x");
    assert.equal(await env.get("EMPTY"), "");
  });

  test("has what a user of the machine expects", async () => {
    const all = await sandbox().env.toObject();
    assert.equal(all.HOME, "/home/app");
    assert.match(all.PATH!, /(^|:)\/usr\/bin(:|$)/);
    assert.match(all.LANG ?? all.LC_ALL ?? "", /utf-?8/i);
  });

  test("is changed for every process that starts later", async () => {
    const { env } = sandbox();
    await env.set("CHANGED", "first");
    assert.equal(await env.get("CHANGED"), "first");
    await env.set("CHANGED", "second line\nthird");
    assert.equal(await sandbox().sh`printf %s "$CHANGED"`.text(), "second line\nthird");
    const child = await sandbox().spawn("printenv", { args: ["CHANGED"], stdout: "piped" });
    assert.equal((await child.output()).stdoutText, "second line\nthird\n");
    assert.equal((await env.toObject()).CHANGED, "second line\nthird");
    await env.delete("CHANGED");
    assert.equal(await env.get("CHANGED"), undefined);
    assert.equal(await sandbox().sh`echo "[$CHANGED]"`.text(), "[]\n");
    await env.delete("CHANGED");
  });

  test("is the same for another connection", async () => {
    const other = await sdk.module.Sandbox.connect(sandbox().id);
    await other.env.set("SHARED", "yes");
    assert.equal(await sandbox().env.get("SHARED"), "yes");
    await other.close();
  });

  test("refuses names that no variable can have", async () => {
    await assert.rejects(() => sandbox().env.set("A=B", "x"), Error);
    await assert.rejects(() => sandbox().env.set("", "x"), Error);
    await assert.rejects(() => sandbox().env.set("A", "x\0y"), Error);
  });
}
