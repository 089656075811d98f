import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { linkSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createFormattedLayer, createLayer } from "./qcow2.ts";
import { lockLayer } from "./testing/opened-storage.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-qcow2-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const MIB = 1024 ** 2;

test("a new layer replaces a file that an interrupted attempt left, which a machine may have open and locked", async () => {
  const [path, other] = [join(dir, "layer.qcow2"), join(dir, "other.qcow2")];
  await createLayer(path, MIB);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 7 0 64k", path], { stdio: "pipe" });
  linkSync(path, other);
  {
    await using _machine = await lockLayer(path);
    await createLayer(path, 2 * MIB);
  }
  assert.notEqual(statSync(path).ino, statSync(other).ino);
  assert.doesNotMatch(
    execFileSync("qemu-io", ["-f", "qcow2", "-c", "read -P 7 0 64k", other], { encoding: "utf8", stdio: "pipe" }),
    /failed/,
  );
});

test("a disk that is full is said to be, wherever formatting meets that", async (context) => {
  const small = mkdtempSync(join(dir, "small-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", small], { stdio: "ignore" });
  } catch {
    return context.skip("only root can mount a file system of a limited size");
  }
  context.after(() => execFileSync("umount", [small]));
  for (let kib = 0; kib < 256; kib += 12) {
    writeFileSync(join(small, "filler"), Buffer.alloc((1024 - kib) * 1024));
    await assert.rejects(createFormattedLayer(join(small, "layer"), 300 * MIB), { code: "ENOSPC" }, `${kib} KiB left`);
    assert.deepEqual(readdirSync(small), ["filler"]);
  }
});
