import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  type EventRecord,
  type OrganisationRecord,
  type Store,
  type TokenRecord,
  UniqueViolation,
} from "./contract.ts";
import { acme, organisation, other } from "./samples.ts";

/** FOR TESTS ONLY: what every store must do, whatever its database. */
export function storeSuite(name: string, open: () => Promise<Store>): void {
  describe(`the store on ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
      await store.organisations.insert(acme);
      await store.organisations.insert(other);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    test("finds organisations and refuses a slug twice", async () => {
      assert.deepEqual(await store.organisations.findBySlug("acme"), acme);
      assert.equal(await store.organisations.findBySlug("nobody"), null);
      assert.deepEqual(
        (await store.organisations.list()).map((o) => o.slug),
        ["acme", "other"],
      );
      await assert.rejects(store.organisations.insert({ ...acme, id: "another" }), UniqueViolation);
    });

    test("a failed write undoes itself and nothing that was written with it", async () => {
      const results = await Promise.allSettled([
        store.organisations.insert(organisation("three", 3)),
        store.organisations.insert({ ...acme, id: "again" }),
        store.organisations.insert(organisation("four", 4)),
      ]);
      assert.deepEqual(
        results.map((r) => r.status),
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.deepEqual(
        (await store.organisations.list()).map((o) => o.slug),
        ["acme", "other", "three", "four"],
      );
    });

    test("finds a token by its hash, with its organisation", async () => {
      await store.tokens.insert(token("tok_1", acme), "hash-1");
      assert.deepEqual(await store.tokens.findByHash("hash-1"), token("tok_1", acme));
      assert.equal(await store.tokens.findByHash("hash-2"), null);
      await assert.rejects(store.tokens.insert(token("tok_2", acme), "hash-1"), UniqueViolation);
    });

    test("revokes a token once, and only within its organisation", async () => {
      await store.tokens.insert(token("tok_1", acme), "hash-1");
      assert.equal(await store.tokens.revoke(other.id, "tok_1", 50), null);
      assert.equal((await store.tokens.revoke(acme.id, "tok_1", 50))?.revokedAt, 50);
      assert.equal((await store.tokens.revoke(acme.id, "tok_1", 60))?.revokedAt, 50);
      assert.equal((await store.tokens.findByHash("hash-1"))?.revokedAt, 50);
      assert.equal(await store.tokens.revoke(null, "tok_9", 50), null);
    });

    test("lists tokens with their last use", async () => {
      await store.tokens.insert(token("tok_1", acme), "hash-1");
      await store.tokens.insert(token("tok_2", other), "hash-2");
      await store.tokens.touch(new Map([["tok_2", 99]]));
      await store.tokens.touch(new Map());
      assert.deepEqual(
        (await store.tokens.list(null)).map((t) => [t.id, t.lastUsedAt]),
        [
          ["tok_1", null],
          ["tok_2", 99],
        ],
      );
      assert.deepEqual(
        (await store.tokens.list(other.id)).map((t) => t.id),
        ["tok_2"],
      );
    });

    test("keeps a probe for each owner's key", async () => {
      assert.equal(await store.sealing.probe("cp_1"), null);
      await store.sealing.setProbe("cp_1", "one");
      await store.sealing.setProbe("cp_2", "two");
      await store.sealing.setProbe("cp_1", "three");
      assert.deepEqual([await store.sealing.probe("cp_1"), await store.sealing.probe("cp_2")], ["three", "two"]);
      assert.equal(await store.sealing.probe("cp_3"), null);
    });

    test("lists events by sandbox, kind, time and place", async () => {
      await store.events.append([
        event(1, "a", "command"),
        event(2, "b", "command"),
        event(3, "a", "file.written"),
        event(4, "a", "command"),
      ]);
      await store.events.append([]);
      await store.events.append([{ ...event(5, "a", "command"), organisation: other.id }]);
      const ids = async (query: Partial<Parameters<Store["events"]["list"]>[0]>) =>
        (await store.events.list({ organisation: acme.id, order: "oldest-first", limit: 100, ...query })).map(
          (e) => e.time,
        );
      assert.deepEqual(await ids({}), [1, 2, 3, 4]);
      assert.deepEqual(await ids({ order: "newest-first" }), [4, 3, 2, 1]);
      assert.deepEqual(await ids({ sandbox: "a" }), [1, 3, 4]);
      assert.deepEqual(await ids({ kinds: ["file.written", "dns"] }), [3]);
      assert.deepEqual(await ids({ since: 2, until: 4 }), [2, 3]);
      assert.deepEqual(await ids({ after: "evt_2" }), [3, 4]);
      assert.deepEqual(await ids({ before: "evt_3", order: "newest-first", limit: 1 }), [2]);
      assert.deepEqual(
        (await store.events.list({ organisation: acme.id, order: "oldest-first", limit: 1 }))[0],
        event(1, "a", "command"),
      );
    });

    test("forgets the oldest events of egress that one sandbox has too many of, and nothing else", async () => {
      await store.events.append([
        event(1, "a", "command"),
        event(2, "a", "http"),
        event(3, "b", "http"),
        event(4, "a", "dns"),
        event(5, "a", "connection"),
        event(6, "a", "http"),
      ]);
      assert.equal(await store.events.pruneEgress("a", 2), 2);
      assert.equal(await store.events.pruneEgress("a", 2), 0);
      const left = await store.events.list({ organisation: acme.id, order: "oldest-first", limit: 10 });
      assert.deepEqual(
        left.map((e) => e.time),
        [1, 3, 5, 6],
      );
    });

    test("forgets events that are too old or too many", async () => {
      await store.events.append([1, 2, 3, 4, 5].map((n) => event(n, "a", "command")));
      assert.equal(await store.events.prune({ before: 2, keep: 10 }), 1);
      assert.equal(await store.events.prune({ before: 0, keep: 2 }), 2);
      assert.equal(await store.events.prune({ before: 0, keep: 2 }), 0);
      const left = await store.events.list({ organisation: acme.id, order: "oldest-first", limit: 10 });
      assert.deepEqual(
        left.map((e) => e.time),
        [4, 5],
      );
    });

    test("forgets no organisation's events because another has many", async () => {
      await store.events.append([1, 2].map((n) => ({ ...event(n, "b", "command"), organisation: other.id })));
      await store.events.append([3, 4, 5, 6, 7].map((n) => event(n, "a", "command")));
      assert.equal(await store.events.prune({ before: 0, keep: 3 }), 2);
      const left = async (organisation: string) =>
        (await store.events.list({ organisation, order: "oldest-first", limit: 10 })).map((e) => e.time);
      assert.deepEqual(await left(other.id), [1, 2]);
      assert.deepEqual(await left(acme.id), [5, 6, 7]);
      assert.equal(await store.events.prune({ before: 2, keep: 3 }), 1);
      assert.deepEqual(await left(other.id), [2]);
      assert.equal(await store.events.prune({ before: 100, keep: 3 }), 4);
    });

    test("forgets any number of events", async () => {
      await store.events.append(Array.from({ length: 4_500 }, (_, i) => event(10_000 + i, "a", "command")));
      assert.equal(await store.events.prune({ before: 14_400, keep: 200 }), 4_400);
      assert.equal(
        (await store.events.list({ organisation: acme.id, order: "oldest-first", limit: 1_000 })).length,
        100,
      );
    });
  });
}

const token = (id: string, owner: OrganisationRecord): TokenRecord => ({
  id,
  organisation: { id: owner.id, slug: owner.slug },
  name: "a name",
  prefix: "ddo_abcd",
  scope: "run",
  createdAt: 1,
  lastUsedAt: null,
  expiresAt: null,
  revokedAt: null,
});

const event = (n: number, sandboxId: string, kind: string): EventRecord => ({
  id: `evt_${n}`,
  time: n,
  organisation: acme.id,
  sandbox: sandboxId,
  kind,
  outcome: "ok",
  actor: { kind: "system" },
  data: { n },
});
