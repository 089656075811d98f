import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { fc, property } from "../testing/property.ts";
import { MAX_VALUE_BYTES } from "./limits.ts";
import { newPlaceholder } from "./placeholder.ts";
import { SealError, Sealer } from "./seal.ts";

const directory = await mkdtemp(join(tmpdir(), "sandkeep-seal-"));
after(() => rm(directory, { recursive: true }));
const sealer = await Sealer.open(join(directory, "key"));

test("opens what it sealed, whatever the value, and never seals the same twice", () =>
  property([fc.string({ unit: "binary" }), fc.string()], (value, placeholder) => {
    const sealed = sealer.seal(value, placeholder);
    assert.equal(sealer.open(sealed, placeholder), value);
    assert.notEqual(sealer.seal(value, placeholder), sealed);
  }));

test("opens nothing under another placeholder, with another key or after any change", async () => {
  const placeholder = newPlaceholder();
  const sealed = sealer.seal("the-real-value", placeholder);
  const refused = (open: () => unknown) =>
    assert.throws(open, (error: Error) => error instanceof SealError && !inspect(error).includes("the-real-value"));
  refused(() => sealer.open(sealed, newPlaceholder()));
  const other = await Sealer.open(join(directory, "other"));
  refused(() => other.open(sealed, placeholder));
  const bytes = Buffer.from(sealed, "base64");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    refused(() => sealer.open(changed.toString("base64"), placeholder));
    refused(() => sealer.open(bytes.subarray(0, at).toString("base64"), placeholder));
  }
});

test("makes the key file for its owner alone, and reads the same key afterwards", async () => {
  const file = join(directory, "key");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await readFile(file)).length, 32);
  const again = await Sealer.open(file);
  assert.equal(again.open(sealer.seal("value", "p"), "p"), "value");
});

test("several that make the file at once get one key and leave nothing else behind", async () => {
  const file = join(directory, "together");
  const sealers = await Promise.all(Array.from({ length: 8 }, () => Sealer.open(file)));
  const sealed = sealers[0]!.seal("value", "p");
  for (const each of sealers) assert.equal(each.open(sealed, "p"), "value");
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.startsWith("together")),
    ["together"],
  );
});

test("refuses a key file that others can read, and says what to do", async () => {
  const file = join(directory, "wide");
  await Sealer.open(file);
  await chmod(file, 0o640);
  await assert.rejects(
    Sealer.open(file),
    (error: Error) =>
      error instanceof SealError && error.message.includes("0640") && error.message.includes(`chmod 600 ${file}`),
  );
});

test("refuses what is not a key file", async () => {
  await writeFile(join(directory, "short"), "too short", { mode: 0o600 });
  await writeFile(join(directory, "long"), Buffer.alloc(33), { mode: 0o600 });
  await symlink(join(directory, "key"), join(directory, "link"));
  for (const name of ["short", "long", "link", "."])
    await assert.rejects(Sealer.open(join(directory, name)), SealError);
  await assert.rejects(Sealer.open(join(directory, "missing", "key")));
});

test("shows neither key nor value", async () => {
  const key = await readFile(join(directory, "key"));
  const shown = inspect(sealer, { depth: 9, showHidden: true }) + JSON.stringify(sealer);
  assert.ok(!shown.includes(key.toString("hex")) && !shown.includes(key.toString("base64")));
});

test("refuses a value that is too long", () => {
  assert.doesNotThrow(() => sealer.seal("x".repeat(MAX_VALUE_BYTES), "p"));
  assert.throws(() => sealer.seal("é".repeat(MAX_VALUE_BYTES / 2 + 1), "p"), SealError);
});
