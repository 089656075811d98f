import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utils } from "../ssh2.ts";
import { hostKey } from "./host-key.ts";
import { newOpenSshKey } from "./openssh-key.ts";

const dir = mkdtempSync(join(tmpdir(), "sandkeep-host-key-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("a key is made once, for its owner's eyes only, and OpenSSH agrees about it", async () => {
  const path = join(dir, "key");
  const key = await hostKey(path);
  assert.deepEqual(await hostKey(path), key);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const print = spawnSync("ssh-keygen", ["-l", "-f", path], { encoding: "utf8" }).stdout;
  assert.equal(print.trim(), `256 ${key.fingerprint} sandkeep (ED25519)`);
  assert.ok(spawnSync("ssh-keygen", ["-y", "-f", path], { encoding: "utf8" }).stdout.startsWith(`${key.publicKey} `));
});

test("a file that is no such key, or that others can read or write, is refused and stays as it is", async () => {
  const path = join(dir, "other");
  for (const content of ["", "nonsense", generated("ecdsa"), readFileSync(`${generatedPath("ed25519")}.pub`, "utf8")]) {
    writeFileSync(path, content, { mode: 0o600 });
    await assert.rejects(hostKey(path), /must hold a private Ed25519 key/);
    assert.equal(readFileSync(path, "utf8"), content);
  }
  writeFileSync(path, newOpenSshKey("sandkeep"));
  for (const mode of [0o666, 0o644, 0o640]) {
    chmodSync(path, mode);
    await assert.rejects(hostKey(path), /nobody else may read or write it/);
  }
});

test("a key that ssh-keygen has made can be used", async () => {
  assert.match((await hostKey(generatedPath("ed25519"))).fingerprint, /^SHA256:/);
});

test("every new key is well-formed", () => {
  for (let n = 0; n < 2_000; n++) assert.ok(!(utils.parseKey(newOpenSshKey("a")) instanceof Error));
});

let count = 0;
function generatedPath(type: string): string {
  const path = join(dir, `generated-${count++}`);
  spawnSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-f", path]);
  return path;
}

function generated(type: string): string {
  return readFileSync(generatedPath(type), "utf8");
}
