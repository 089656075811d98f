import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  type EventRecord,
  type OrganisationRecord,
  type Store,
  type TokenRecord,
  UniqueViolation,
} from "./contract.ts";
import { acme, lease, organisation, other, sandbox } from "./samples.ts";

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

    test("keeps a sandbox as it was given", async () => {
      await store.sandboxes.insert(sandbox("a", 1), lease, null);
      assert.deepEqual(await store.sandboxes.find(acme.id, "a"), sandbox("a", 1));
      assert.equal(await store.sandboxes.find(other.id, "a"), null);
      await store.sandboxes.remove(lease.owner, "a");
      assert.equal(await store.sandboxes.find(acme.id, "a"), null);
    });

    test("stops a sandbox once", async () => {
      await store.sandboxes.insert(sandbox("a", 1), lease, null);
      await store.sandboxes.setStopAt(lease.owner, "a", 77, spec);
      await store.sandboxes.setStopped(lease.owner, "a", 5, "killed");
      await store.sandboxes.setStopped(lease.owner, "a", 6, "timeout");
      await store.sandboxes.setStopAt(lease.owner, "a", 99, spec);
      assert.deepEqual(await store.sandboxes.find(acme.id, "a"), {
        ...sandbox("a", 1),
        status: "stopped",
        stopAt: 77,
        stoppedAt: 5,
        stopReason: "killed",
      });
      assert.deepEqual(await store.sandboxes.running(lease.owner), []);
    });

    test("gives the running sandboxes of every organisation", async () => {
      await store.sandboxes.insert(sandbox("a", 1), lease, null);
      await store.sandboxes.insert({ ...sandbox("b", 2), organisation: other.id }, lease, null);
      await store.sandboxes.insert(sandbox("c", 3), lease, null);
      await store.sandboxes.setStopped(lease.owner, "c", 5, "killed");
      assert.deepEqual((await store.sandboxes.running(lease.owner)).map((s) => [s.record.id, s.slug]).sort(), [
        ["a", "acme"],
        ["b", "other"],
      ]);
    });

    test("keeps what a sandbox may reach while it runs and has a stop time, and no longer", async () => {
      const kept = async (id: string) =>
        (await store.sandboxes.running(lease.owner)).find(({ record }) => record.id === id)?.egress;
      await store.sandboxes.insert({ ...sandbox("a", 1), stopAt: 50 }, lease, spec);
      await store.sandboxes.insert(sandbox("session", 1), lease, null);
      assert.deepEqual(await kept("a"), spec);
      assert.equal(await kept("session"), null);
      await store.sandboxes.setStopAt(lease.owner, "session", 60, spec);
      assert.deepEqual(await kept("session"), spec);
      const changed = { ...spec, secrets: [] };
      const network = { allowNet: null, deny: ["y.example"], rules: [], secrets: {} };
      await store.sandboxes.setNetwork(lease.owner, "a", network, changed);
      assert.deepEqual(await kept("a"), changed);
      assert.deepEqual((await store.sandboxes.find(acme.id, "a"))?.network, network);
      await store.sandboxes.setStopped(lease.owner, "a", 5, "killed");
      // A pending change does not bring it back.
      await store.sandboxes.setNetwork(lease.owner, "a", network, spec);
      await store.sandboxes.setStopAt(lease.owner, "a", 99, spec);
      assert.deepEqual((await store.sandboxes.find(acme.id, "a"))?.network, network);
      assert.deepEqual(
        (await store.sandboxes.running(lease.owner)).map(({ record }) => record.id),
        ["session"],
      );
      await store.sandboxes.remove(lease.owner, "session");
    });

    test("gives each owner its own, with their host, and one renewal is for all of them", async () => {
      const theirs = { ...lease, owner: "cp_2", host: "host_2" };
      await store.sandboxes.insert(sandbox("a", 1), lease, null);
      await store.sandboxes.insert({ ...sandbox("b", 2), organisation: other.id }, { ...lease, host: "host_3" }, null);
      await store.sandboxes.insert(sandbox("gone", 3), lease, null);
      await store.sandboxes.setStopped(lease.owner, "gone", 4, "killed");
      await store.sandboxes.insert(sandbox("theirs", 3), theirs, null);
      const hosts = async (owner: string) =>
        (await store.sandboxes.running(owner)).map(({ record, host }) => `${record.id} ${host}`).sort();
      assert.deepEqual(await hosts("cp_1"), ["a host_1", "b host_3"]);
      assert.deepEqual(await hosts("cp_2"), ["theirs host_2"]);
      assert.deepEqual((await store.sandboxes.renewLeases("cp_1", 200)).sort(), ["a", "b"]);
      assert.deepEqual(await store.sandboxes.renewLeases("cp_3", 200), []);
      assert.deepEqual(await store.sandboxes.expired("cp_9", ["host_1", "host_2", "host_3"], 150), [
        { id: "theirs", owner: "cp_2", host: "host_2" },
      ]);
    });

    test("lets an owner take over what has expired of another's on its hosts, once, and nothing else", async () => {
      await store.sandboxes.insert(sandbox("a", 1), lease, null);
      await store.sandboxes.insert(sandbox("b", 2), { ...lease, expiresAt: 300 }, null);
      await store.sandboxes.insert(sandbox("c", 3), { ...lease, host: "host_2" }, null);
      const mine = { host: "host_1", owner: "cp_2", expiresAt: 500 };
      assert.deepEqual(await store.sandboxes.expired("cp_2", ["host_1"], 100), []);
      assert.deepEqual(await store.sandboxes.expired("cp_1", ["host_1"], 200), []);
      assert.deepEqual(await store.sandboxes.expired("cp_2", ["host_1"], 200), [
        { id: "a", owner: "cp_1", host: "host_1" },
      ]);
      assert.deepEqual(
        await Promise.all([
          store.sandboxes.takeOver("cp_1", mine, 200),
          store.sandboxes.takeOver("cp_1", { ...mine, owner: "cp_3" }, 200),
        ]),
        [1, 0],
      );
      const ids = async (owner: string) => (await store.sandboxes.running(owner)).map(({ record }) => record.id).sort();
      assert.deepEqual([await ids("cp_1"), await ids("cp_2")], [["b", "c"], ["a"]]);
    });

    test("lets a former owner change nothing any more", async () => {
      await store.sandboxes.insert({ ...sandbox("a", 1), stopAt: 50 }, lease, spec);
      await store.sandboxes.takeOver("cp_1", { host: "host_1", owner: "cp_2", expiresAt: 500 }, 200);
      const taken = await store.sandboxes.running("cp_2");
      const network = { allowNet: null, deny: ["y.example"], rules: [], secrets: {} };
      await store.sandboxes.setStopAt("cp_1", "a", 99, { ...spec, secrets: [] });
      await store.sandboxes.setNetwork("cp_1", "a", network, { ...spec, secrets: [] });
      assert.equal(await store.sandboxes.setStopped("cp_1", "a", 60, "timeout"), false);
      await store.sandboxes.remove("cp_1", "a");
      assert.deepEqual(
        taken.map(({ egress }) => egress),
        [spec],
      );
      assert.deepEqual(await store.sandboxes.running("cp_2"), taken);
      assert.equal(await store.sandboxes.setStopped("cp_2", "a", 60, "timeout"), true);
      assert.equal(await store.sandboxes.setStopped("cp_2", "a", 70, "killed"), false);
    });

    test("keeps a probe for each owner's key", async () => {
      assert.equal(await store.sealing.probe("cp_1"), null);
      await store.sealing.setProbe("cp_1", "one");
      await store.sealing.setProbe("cp_2", "two");
      await store.sealing.setProbe("cp_1", "three");
      assert.deepEqual([await store.sealing.probe("cp_1"), await store.sealing.probe("cp_2")], ["three", "two"]);
      assert.equal(await store.sealing.probe("cp_3"), null);
    });

    test("lists sandboxes newest first, in pages that neither repeat nor leave out", async () => {
      // Several in one millisecond, and identifiers against the order of time.
      for (let i = 0; i < 10; i++) await store.sandboxes.insert(sandbox(`s${9 - i}`, Math.floor(i / 3)), lease, null);
      const seen: string[] = [];
      let after: { createdAt: number; id: string } | undefined;
      for (;;) {
        const page = await store.sandboxes.list(acme.id, { limit: 3, ...(after ? { after } : {}) });
        seen.push(...page.map((s) => s.id));
        const last = page.at(-1);
        if (!last || page.length < 3) break;
        after = { createdAt: last.createdAt, id: last.id };
      }
      const all = (await store.sandboxes.list(acme.id, {})).map((s) => s.id);
      assert.equal(new Set(all).size, 10);
      assert.deepEqual(seen, all);
      assert.equal(all[0], "s0");
    });

    test("filters sandboxes by every label given", async () => {
      await store.sandboxes.insert({ ...sandbox("a", 1), labels: { team: "x", 'it\'s "odd"': "%_" } }, lease, null);
      await store.sandboxes.insert({ ...sandbox("b", 2), labels: { team: "x" } }, lease, null);
      await store.sandboxes.insert({ ...sandbox("c", 3), labels: { team: "y" } }, lease, null);
      const ids = async (labels: Record<string, string>) =>
        (await store.sandboxes.list(acme.id, { labels })).map((s) => s.id);
      assert.deepEqual(await ids({ team: "x" }), ["b", "a"]);
      assert.deepEqual(await ids({ team: "x", 'it\'s "odd"': "%_" }), ["a"]);
      assert.deepEqual(await ids({ team: "z" }), []);
      assert.deepEqual(await store.sandboxes.list(other.id, { labels: { team: "x" } }), []);
    });

    test("filters sandboxes by status", async () => {
      await store.sandboxes.insert(sandbox("a", 1), lease, null);
      await store.sandboxes.insert(sandbox("b", 2), lease, null);
      await store.sandboxes.setStopped(lease.owner, "a", 5, "killed");
      assert.deepEqual(
        (await store.sandboxes.list(acme.id, { status: "running" })).map((s) => s.id),
        ["b"],
      );
      assert.deepEqual(
        (await store.sandboxes.list(acme.id, { status: "stopped" })).map((s) => s.id),
        ["a"],
      );
    });

    test("forgets sandboxes that stopped long ago, never running ones", async () => {
      await store.sandboxes.insert(sandbox("old", 1), lease, null);
      await store.sandboxes.insert(sandbox("new", 2), lease, null);
      await store.sandboxes.insert(sandbox("running", 0), lease, null);
      await store.sandboxes.setStopped(lease.owner, "old", 10, "killed");
      await store.sandboxes.setStopped(lease.owner, "new", 20, "killed");
      assert.equal(await store.sandboxes.prune(15), 1);
      assert.deepEqual(
        (await store.sandboxes.list(acme.id, {})).map((s) => s.id),
        ["new", "running"],
      );
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

const spec = {
  policy: { allow: ["a.example"], deny: ["x.a.example"], rules: [{ host: "a.example", methods: ["GET"] }] },
  secrets: [{ name: "KEY", placeholder: "P", hosts: ["b.example"], in: [], sealed: "c2VhbGVk" }],
};

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
