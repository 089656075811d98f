import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FromProxy, MAX_LOOKUPS } from "../contract.ts";
import { HostNames } from "./host-names.ts";

/** The host's side: answers when told to. */
function host() {
  const asked: Extract<FromProxy, { type: "lookup" }>[] = [];
  const names = new HostNames((message) => message.type === "lookup" && asked.push(message));
  const answer = (addresses: string[], code: string | null = null) =>
    names.take({ type: "addresses", seq: asked.shift()!.seq, addresses, code });
  return { asked, names, answer };
}

describe("names in the jail", () => {
  test("are looked up by the host, and those of the family that was asked for are given", async () => {
    const { names, asked, answer } = host();
    const both = names.lookup("proxy.internal", {});
    assert.equal(asked[0]!.name, "proxy.internal");
    answer(["10.0.0.5", "fd00::5"]);
    assert.deepEqual(await both, [
      { address: "10.0.0.5", family: 4 },
      { address: "fd00::5", family: 6 },
    ]);
    const newer = names.lookup("proxy.internal", { family: 6 });
    answer(["10.0.0.5", "fd00::5"]);
    assert.deepEqual(await newer, [{ address: "fd00::5", family: 6 }]);
    const absent = names.lookup("proxy.internal", { family: "IPv6" });
    answer(["10.0.0.5"]);
    await assert.rejects(absent, { code: "ENOTFOUND" });
  });

  test("that do not exist fail as with the system's resolver; addresses need no host", async () => {
    const { names, asked, answer } = host();
    const failed = names.lookup("nowhere.internal", {});
    answer([], "ENOTFOUND");
    await assert.rejects(failed, { code: "ENOTFOUND", hostname: "nowhere.internal" });
    assert.deepEqual(await names.lookup("192.0.2.1", {}), [{ address: "192.0.2.1", family: 4 }]);
    assert.equal(asked.length, 0);
  });

  test("that no host would look up are not asked for", async () => {
    const { names, asked } = host();
    for (const name of ["", "n".repeat(254), null, {}])
      await assert.rejects(names.lookup(name as string, {}), { code: "ENOTFOUND" });
    assert.equal(asked.length, 0);
  });

  test("are asked for once, however many wait for the answer", async () => {
    const { names, asked, answer } = host();
    const all = Promise.all(Array.from({ length: 100 }, () => names.lookup("proxy.internal", {})));
    assert.equal(asked.length, 1);
    answer(["10.0.0.5"]);
    assert.equal((await all).length, 100);
    void names.lookup("proxy.internal", {});
    assert.equal(asked.length, 1, "later ones ask again");
  });

  test("wait for each other instead of asking for too many at once", async () => {
    const { names, asked, answer } = host();
    const all = Array.from({ length: MAX_LOOKUPS + 3 }, (_, n) => names.lookup(`n${n}.internal`, {}));
    assert.equal(asked.length, MAX_LOOKUPS);
    for (let left = all.length; left > 0; left--) {
      answer(["192.0.2.7"]);
      await new Promise(setImmediate);
      assert.ok(asked.length <= MAX_LOOKUPS);
    }
    for (const found of await Promise.all(all)) assert.equal(found[0]!.address, "192.0.2.7");
  });
});
