import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLayer } from "./qcow2.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-qcow2-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const MIB = 1024 ** 2;

test("a new layer replaces a file that an interrupted attempt left, which a machine may have open and locked", async () => {
  const [path, other] = [join(dir, "layer.qcow2"), join(dir, "other.qcow2")];
  await createLayer(path, MIB);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 7 0 64k", path], { stdio: "pipe" });
  linkSync(path, other);
  // As QEMU does it: locks on the bytes that stand for what nobody else may do (from offset 200).
  const lock = `
    open $f, "<", shift or die "$!"; $lock = pack("ssx4qqi", 0, 0, 200, 5, 0);
    fcntl($f, 37, $lock) or die "$!"; $| = 1; print "locked"; sleep`;
  const machine = spawn("perl", ["-e", lock, path], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(machine.stdout, "data");
    await createLayer(path, 2 * MIB);
  } finally {
    machine.kill("SIGKILL");
  }
  assert.notEqual(statSync(path).ino, statSync(other).ino);
  await once(machine, "close");
  assert.doesNotMatch(
    execFileSync("qemu-io", ["-f", "qcow2", "-c", "read -P 7 0 64k", other], { encoding: "utf8", stdio: "pipe" }),
    /failed/,
  );
});
