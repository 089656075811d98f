import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { SealedSecret } from "../contract.ts";
import { PatternError } from "../policy/mod.ts";
import { newPlaceholder } from "./placeholder.ts";
import { SealError, Sealer } from "./seal.ts";
import { SecretSet } from "./secret.ts";

const directory = await mkdtemp(join(tmpdir(), "sandkeep-secret-"));
after(() => rm(directory, { recursive: true }));
const sealer = await Sealer.open(join(directory, "key"));

function sealed(name: string, value: string, hosts: string[], more: Partial<SealedSecret> = {}): SealedSecret {
  const placeholder = newPlaceholder();
  return { name, placeholder, hosts, in: [], sealed: sealer.seal(value, placeholder), ...more };
}

test("opens secrets and tells which a host may get", () => {
  const set = SecretSet.open(
    [
      sealed("EXACT", "one", ["api.example.com"]),
      sealed("BELOW", "två", ["*.example.com", "other.test:8443"], { in: ["body"] }),
    ],
    sealer,
  );
  const names = (host: string, port: number) => set.approvedFor(host, port).map(({ name }) => name);
  assert.deepEqual(names("api.example.com", 443), ["EXACT", "BELOW"]);
  assert.deepEqual(names("api.example.com", 8443), ["EXACT", "BELOW"]);
  assert.deepEqual(names("example.com", 443), []);
  assert.deepEqual(names("notexample.com", 443), []);
  assert.deepEqual(names("other.test", 8443), ["BELOW"]);
  assert.deepEqual(names("other.test", 443), []);
  assert.deepEqual(
    set.all.map(({ value, inBody }) => [value.toString(), inBody]),
    [
      ["one", false],
      ["två", true],
    ],
  );
  for (const secret of set.all) assert.equal(set.byPlaceholder(secret.placeholder), secret);
  assert.equal(set.byPlaceholder(newPlaceholder()), undefined);
});

test("an alias stands for the same secret, which keeps its own placeholder", () => {
  const alias = newPlaceholder();
  const [first, second] = [sealed("A", "one", ["a.test"], { aliases: [alias] }), sealed("B", "two", ["b.test"])];
  const set = SecretSet.open([first, { ...second, aliases: [first.placeholder] }], sealer);
  assert.equal(set.byPlaceholder(alias)?.name, "A");
  assert.equal(set.byPlaceholder(first.placeholder)?.name, "A", "its own placeholder, not another's alias");
  assert.equal(set.byPlaceholder(alias)?.placeholder, first.placeholder);
  assert.equal(
    set.placeholders.replace(`${alias} ${second.placeholder}`, () => "x"),
    "x x",
  );
});

test("a fork's secret opens with the placeholder for which it was sealed, and is known by its own", () => {
  const parent = sealed("A", "one", ["a.test"]);
  const own = newPlaceholder();
  const child = { ...parent, placeholder: own, aliases: [parent.placeholder], sealedFor: parent.placeholder };
  const set = SecretSet.open([child], sealer);
  assert.equal(String(set.byPlaceholder(own)?.value), "one");
  assert.equal(set.byPlaceholder(parent.placeholder)?.placeholder, own);
  assert.throws(() => SecretSet.open([{ ...child, sealedFor: newPlaceholder() }], sealer), SealError);
});

test("opens nothing that was sealed for another placeholder or names an address", () => {
  const swapped = sealed("A", "value", ["example.com"], { placeholder: newPlaceholder() });
  assert.throws(() => SecretSet.open([swapped], sealer), SealError);
  assert.throws(() => SecretSet.open([sealed("A", "value", ["192.0.2.1"])], sealer), PatternError);
});
