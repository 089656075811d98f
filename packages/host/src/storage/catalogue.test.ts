import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Catalogue } from "./catalogue.ts";
import type { DiskRecord } from "./record.ts";

const root = mkdtempSync(join(tmpdir(), "sk-catalogue-"));
after(() => rmSync(root, { recursive: true, force: true }));

const name = (n: number) => String(n).padStart(32, "0");
const recordOf = (...layers: string[]): DiskRecord => ({
  format: 1,
  kind: "volume",
  capacityBytes: 1024 ** 3,
  bootable: false,
  layers,
  unclean: false,
});
/** Too many names to be written. */
const UNWRITABLE = recordOf(...Array.from({ length: 1_025 }, (_, n) => name(n + 10)));

test("a disk whose record can neither be written nor read for a moment keeps what is known, and others their space", async () => {
  const dir = mkdtempSync(join(root, "d-"));
  const catalogue = await Catalogue.open(dir);
  await catalogue.put("vol", recordOf(name(1)));
  chmodSync(join(dir, "vol.json"), 0o666);
  await assert.rejects(catalogue.put("vol", UNWRITABLE));
  assert.deepEqual(catalogue.get("vol"), recordOf(name(1)));
  // What may be on disk instead of it is kept, and nothing else.
  assert.deepEqual(
    [1, 2, 10, 1_034].map((n) => catalogue.mayRefer(name(n))),
    [true, false, true, true],
  );
  await catalogue.put("vol", recordOf(name(3)));
  assert.deepEqual(
    [1, 3, 10].map((n) => catalogue.mayRefer(name(n))),
    [false, true, false],
  );
});

test("a disk that is removed although its record could not be read for a moment can be made again", async () => {
  const dir = mkdtempSync(join(root, "d-"));
  const catalogue = await Catalogue.open(dir);
  await catalogue.put("vol", recordOf(name(1)));
  chmodSync(join(dir, "vol.json"), 0o666);
  await assert.rejects(catalogue.put("vol", UNWRITABLE));
  await catalogue.delete("vol");
  assert.equal(catalogue.mayRefer(name(10)), false);
  assert.throws(() => catalogue.get("vol"), { code: "UNKNOWN_DISK" });
  using _ = catalogue.reserve("vol");
});
