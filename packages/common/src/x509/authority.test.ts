import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAuthority, type LoadOptions, loadAuthority } from "./authority.ts";
import { DAY_MS } from "./validity.ts";

const root = mkdtempSync(join(tmpdir(), "sandkeep-authority-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const newDir = () => join(root, String(count++));

let made = 0;
const options: LoadOptions = { newName: () => `Authority ${made++}` };

test("an authority is made once and loaded from then on", async () => {
  const dir = newDir();
  const first = await loadAuthority(dir, options);
  const second = await loadAuthority(dir, options);
  assert.equal(second.pem, first.pem);
  assert.equal(readFileSync(join(dir, "ca.pem"), "utf8"), first.pem);
  const certificate = new X509Certificate(first.pem);
  assert.ok(certificate.ca);
  assert.match(certificate.subject, /^CN=Authority \d+$/);
  assert.ok(certificate.validFromDate.getTime() < Date.now() - DAY_MS / 2);
  assert.ok(certificate.validToDate.getTime() > Date.now() + 3_640 * DAY_MS);
});

test("its key can be read by its owner only, and nothing else is left in the directory", async () => {
  const dir = newDir();
  await loadAuthority(dir, options);
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.equal(statSync(join(dir, "ca-key.pem")).mode & 0o777, 0o600);
  assert.equal(statSync(join(dir, "ca.pem")).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(dir).sort(), ["ca-key.pem", "ca.pem"]);
});

test("an authority whose key is missing or another's is replaced", async () => {
  const dir = newDir();
  const first = await loadAuthority(dir, options);
  writeFileSync(join(dir, "ca-key.pem"), (await createAuthority("Other")).keyPem);
  const second = await loadAuthority(dir, options);
  assert.notEqual(second.pem, first.pem);
  rmSync(join(dir, "ca-key.pem"));
  const third = await loadAuthority(dir, options);
  assert.notEqual(third.pem, second.pem);
  assert.equal((await loadAuthority(dir, options)).pem, third.pem);
});

test("an authority that ends soon is replaced", async () => {
  const dir = newDir();
  await loadAuthority(dir, options);
  for (const [days, kept] of [
    [29, false],
    [31, true],
  ] as const) {
    const authority = await createAuthority("Ends soon", days * DAY_MS);
    writeFileSync(join(dir, "ca.pem"), authority.pem);
    writeFileSync(join(dir, "ca-key.pem"), authority.keyPem);
    assert.equal((await loadAuthority(dir, options)).pem === authority.pem, kept, `${days} days`);
  }
});

test("damaged files are an error, unless they are to be replaced", async () => {
  for (const file of ["ca.pem", "ca-key.pem"]) {
    const dir = newDir();
    const first = await loadAuthority(dir, options);
    writeFileSync(join(dir, file), "garbage");
    await assert.rejects(loadAuthority(dir, options));
    assert.equal(readFileSync(join(dir, file), "utf8"), "garbage");
    const second = await loadAuthority(dir, { ...options, damaged: "replace" });
    assert.notEqual(second.pem, first.pem);
    assert.equal((await loadAuthority(dir, options)).pem, second.pem);
  }
});
