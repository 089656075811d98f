import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NothingChanged, type Store } from "./contract.ts";
import { acme, lease, other, sandbox } from "./samples.ts";

/** FOR TESTS ONLY: what every store must do for sandboxes, whatever its database. */
export function sandboxSuite(name: string, open: () => Promise<Store>): void {
  describe(`sandboxes in the store on ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
      await store.organisations.insert(acme);
      await store.organisations.insert(other);
    });
    afterEach(() => store[Symbol.asyncDispose]());

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

    test("pauses a running sandbox once and resumes it once; meanwhile it is neither running nor stopped", async () => {
      const { sandboxes } = store;
      const child = { ...sandbox("b", 2), parent: "a", onIdle: "pause" as const, idleMs: 5 };
      await sandboxes.insert(sandbox("a", 1), lease, null);
      await sandboxes.insert(child, lease, null);
      assert.deepEqual(await sandboxes.find(acme.id, "b"), child);
      const ids = async (status: "running" | "paused" | "stopped") =>
        (await sandboxes.list(acme.id, { status })).map(({ id }) => id);
      await assert.rejects(sandboxes.setPausing("cp_2", "a", 6, spec, {}), NothingChanged);
      await sandboxes.setPausing(lease.owner, "a", 6, spec, { cpuSeconds: 1 });
      const row = async () => (await sandboxes.running(lease.owner)).find(({ record }) => record.id === "a")!;
      assert.deepEqual([(await row()).pausingAt, (await row()).record.status], [6, "running"]);
      assert.equal(await sandboxes.setPaused("cp_2", "a", 7, null), false);
      assert.deepEqual(
        await Promise.all([
          sandboxes.setPaused(lease.owner, "a", 7, null),
          sandboxes.setPaused(lease.owner, "a", 8, null),
        ]),
        [true, false],
      );
      assert.deepEqual([await ids("running"), await ids("paused"), await ids("stopped")], [["b"], ["a"], []]);
      assert.deepEqual(await row(), {
        record: { ...sandbox("a", 1), status: "paused", pausedAt: 7 },
        slug: "acme",
        host: lease.host,
        egress: spec,
        usage: { cpuSeconds: 1 },
        pausingAt: null,
      });
      assert.deepEqual((await sandboxes.renewLeases(lease.owner, 500)).sort(), ["a", "b"]);
      assert.equal(await sandboxes.setResumed(lease.owner, "b", null, null), false);
      assert.deepEqual(
        await Promise.all([
          sandboxes.setResumed(lease.owner, "a", null, null),
          sandboxes.setResumed(lease.owner, "a", 9, spec),
        ]),
        [true, false],
      );
      assert.deepEqual(await sandboxes.find(acme.id, "a"), sandbox("a", 1));
      // A session's secrets are not kept while it runs.
      assert.equal((await row()).egress, null);
      await sandboxes.setPausing(lease.owner, "a", 8, spec, {});
      await sandboxes.setPaused(lease.owner, "a", 9, null);
      // Its resumption could not be stored.
      await sandboxes.setPausing(lease.owner, "a", 10, spec, {});
      assert.equal(await sandboxes.setPaused(lease.owner, "a", 11, { cpuSeconds: 2 }), true);
      assert.deepEqual([(await row()).record.pausedAt, (await row()).usage], [11, { cpuSeconds: 2 }]);
      assert.deepEqual((await sandboxes.idsOn(lease.host)).sort(), ["a", "b"]);
      assert.deepEqual(await sandboxes.idsOn("another"), []);
      assert.equal(await sandboxes.setStopped(lease.owner, "a", 12, "killed"), true);
      assert.deepEqual([await ids("paused"), await ids("stopped")], [[], ["a"]]);
      assert.deepEqual(await sandboxes.idsOn(lease.host), ["b"]);
      assert.equal(await sandboxes.setResumed(lease.owner, "a", null, null), false);
      await assert.rejects(sandboxes.setPausing(lease.owner, "a", 13, spec, {}), NothingChanged);
    });

    test("keeps nothing of a session whose pause failed, or whose network changed afterwards", async () => {
      const { sandboxes } = store;
      const network = { allowNet: null, deny: [], rules: [], secrets: {} };
      await sandboxes.insert(sandbox("session", 1), lease, null);
      await sandboxes.insert({ ...sandbox("lasting", 1), stopAt: 50 }, lease, spec);
      const kept = async () =>
        Object.fromEntries(
          (await sandboxes.running(lease.owner)).map((one) => [one.record.id, [one.egress, one.pausingAt]]),
        );
      for (const id of ["session", "lasting"]) {
        await sandboxes.setPausing(lease.owner, id, 6, spec, {});
        await sandboxes.setNotPaused("cp_2", id);
      }
      assert.deepEqual(await kept(), { session: [spec, 6], lasting: [spec, 6] });
      await sandboxes.setNetwork("cp_2", "session", network, null);
      assert.deepEqual((await kept()).session, [spec, 6]);
      for (const id of ["session", "lasting"]) await sandboxes.setNotPaused(lease.owner, id);
      assert.deepEqual(await kept(), { session: [null, null], lasting: [spec, null] });
      await sandboxes.setPausing(lease.owner, "session", 7, spec, {});
      await sandboxes.setNetwork(lease.owner, "session", network, null);
      assert.deepEqual((await kept()).session, [null, 7]);
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
  });
}

const spec = {
  policy: { allow: ["a.example"], deny: ["x.a.example"], rules: [{ host: "a.example", methods: ["GET"] }] },
  secrets: [{ name: "KEY", placeholder: "P", hosts: ["b.example"], in: [], sealed: "c2VhbGVk" }],
};
