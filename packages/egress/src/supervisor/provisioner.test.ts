import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Provisioner } from "./provisioner.ts";

test("proxies that start together get the same CA and key, and so do those that start later", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sk-provisioner-"));
  try {
    using provisioner = new Provisioner(join(dir, "egress"), { caFiles: [] }, () => {});
    const together = Array.from({ length: 4 }, () => provisioner.load());
    assert.equal(new Set(together).size, 1, "one promise");
    const first = await together[0]!;
    assert.deepEqual(await provisioner.load(), first);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("what could not be loaded is tried again", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sk-provisioner-"));
  try {
    using provisioner = new Provisioner(join(dir, "egress"), { caFiles: [join(dir, "absent.pem")] }, () => {});
    const failed = provisioner.load();
    await assert.rejects(failed, /absent/);
    const again = provisioner.load();
    assert.notEqual(again, failed);
    await assert.rejects(again, /absent/);
  } finally {
    await rm(dir, { recursive: true });
  }
});
