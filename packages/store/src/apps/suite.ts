import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NothingChanged, type Store, UniqueViolation } from "../contract.ts";
import { acme, lease, other, sandbox } from "../samples.ts";
import type { AppRecord, LayerRecord, RevisionRecord } from "./contract.ts";

const app = (id: string, more: Partial<AppRecord> = {}): AppRecord => ({
  id,
  organisation: acme.id,
  slug: `slug-${id}`,
  labels: {},
  envVars: [],
  config: {},
  layers: [],
  createdAt: 1,
  updatedAt: 1,
  ...more,
});

const layer = (id: string, more: Partial<LayerRecord> = {}): LayerRecord => ({
  id,
  organisation: acme.id,
  slug: `slug-${id}`,
  description: null,
  layers: [],
  envVars: [],
  createdAt: 1,
  updatedAt: 1,
  ...more,
});

const pending = { status: "pending" } as const;
const revision = (id: string, more: Partial<RevisionRecord> = {}): RevisionRecord => ({
  id,
  organisation: acme.id,
  app: "a",
  owner: "cp_1",
  status: "queued",
  failureReason: null,
  retention: "auto",
  spec: {
    labels: {},
    layers: [],
    envVars: [],
    config: {},
    path: "/home/app",
    entrypoint: "main.ts",
    args: [],
    memoryMiB: 1280,
    policy: { allow: null, deny: [], rules: [] },
    targets: [{ slug: "production", context: "production" }],
  },
  disk: null,
  progress: {
    queued: pending,
    preparing: pending,
    installing: { ...pending, command: null },
    building: { ...pending, command: null },
    deploying: { ...pending, timelines: [] },
  },
  createdAt: 1,
  cancellationRequestedAt: null,
  buildFinishedAt: null,
  deletedAt: null,
  ...more,
});

/** FOR TESTS ONLY: what every store must do with apps. */
export function appSuite(name: string, open: () => Promise<Store>): void {
  describe(`apps in the store on ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
      await store.organisations.insert(acme);
      await store.organisations.insert(other);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    const deployed = async (one: RevisionRecord, at: number) => {
      await store.apps.revisions.insert(one);
      await store.apps.revisions.setProgress({ ...one, buildLog: [], status: "building", disk: `snp-${one.id}` });
      await store.apps.revisions.succeed({ ...one, buildLog: [] }, at);
    };
    const leads = async () => (await store.apps.revisions.timelines({ app: "a" })).map((t) => [t.slug, t.revision]);

    test("finds an app by id and slug, in its organisation only, and lists the last changed first", async () => {
      const shared = layer("l");
      await store.apps.layers.insert(shared, 10, 5);
      const first = app("a", {
        labels: { team: "x" },
        envVars: [{ id: "v", key: "K", value: "1", secret: false, contexts: "all" }],
        config: { install: "npm ci" },
        layers: [{ id: "l", slug: "slug-l" }],
        updatedAt: 5,
      });
      await store.apps.insert(first, 10);
      await store.apps.insert(app("b", { updatedAt: 3 }), 10);
      await store.apps.insert(app("c", { updatedAt: 3 }), 10);
      assert.deepEqual(await store.apps.find(acme.id, "slug-a"), first);
      assert.deepEqual(await store.apps.find(acme.id, "a"), first);
      assert.equal(await store.apps.find(other.id, "a"), null);
      const list = async (options: object = {}) =>
        (await store.apps.list(acme.id, { limit: 10, ...options })).map(({ id }) => id);
      assert.deepEqual(await list(), ["a", "c", "b"]);
      assert.deepEqual(await list({ limit: 2 }), ["a", "c"]);
      assert.deepEqual(await list({ after: { updatedAt: 3, id: "c" } }), ["b"]);
      assert.deepEqual(await list({ labels: { team: "x" } }), ["a"]);
      assert.deepEqual(await list({ labels: { team: "y" } }), []);
      assert.deepEqual(await list({ layer: "l" }), ["a"]);
      assert.deepEqual([...(await store.apps.layers.appCounts(["l"]))], [["l", 1]]);
      assert.deepEqual(await store.apps.layers.apps("l", { limit: 5 }), [{ id: "a", slug: "slug-a", position: 0 }]);
    });

    test("a slug is one app's among all organisations, and no door's name", async () => {
      await store.apps.insert(app("a", { slug: "shop" }), 10);
      await assert.rejects(store.apps.insert(app("b", { slug: "shop", organisation: other.id }), 10), UniqueViolation);
      await store.sandboxes.insert(sandbox("s", 1), lease, null);
      const door = {
        id: "d",
        organisation: acme.id,
        kind: "http" as const,
        name: "shop",
        sandbox: "s",
        port: 1,
        pid: null,
        auth: "none" as const,
        tokenHash: null,
        tokenExpiresAt: null,
        stable: true,
        details: null,
        createdAt: 1,
      };
      await assert.rejects(store.doors.insert(door), UniqueViolation);
      await store.doors.insert({ ...door, name: "blog" });
      await assert.rejects(store.apps.insert(app("b", { slug: "blog" }), 10), UniqueViolation);
      await assert.rejects(store.apps.update(app("a", { slug: "blog", updatedAt: 2 }), 1), UniqueViolation);
      await store.apps.update(app("a", { slug: "shop", updatedAt: 2 }), 1);
    });

    test("an organisation has so many apps and layers, and only its own layers", async () => {
      await store.apps.insert(app("a"), 1);
      await assert.rejects(store.apps.insert(app("b"), 1), NothingChanged);
      await store.apps.layers.insert(layer("l", { organisation: other.id }), 1, 5);
      await assert.rejects(store.apps.layers.insert(layer("m", { organisation: other.id }), 1, 5), NothingChanged);
      const foreign = app("b", { layers: [{ id: "l", slug: "" }] });
      await assert.rejects(store.apps.insert(foreign, 10), NothingChanged);
      assert.equal(await store.apps.find(acme.id, "b"), null);
    });

    test("a change is refused when there was another since, and replaces layers and labels", async () => {
      for (const id of ["l", "m"]) await store.apps.layers.insert(layer(id), 10, 5);
      await store.apps.insert(app("a", { labels: { a: "1" }, layers: [{ id: "l", slug: "slug-l" }] }), 10);
      const changed = app("a", { updatedAt: 2, labels: { b: "2" }, layers: [{ id: "m", slug: "slug-m" }] });
      await store.apps.update(changed, 1);
      await assert.rejects(store.apps.update({ ...changed, updatedAt: 3 }, 1), NothingChanged);
      assert.deepEqual(await store.apps.find(acme.id, "a"), changed);
      assert.equal(await store.apps.layers.remove("m"), false);
      assert.equal(await store.apps.layers.remove("l"), true);
    });

    test("layers include others, which stay then", async () => {
      await store.apps.layers.insert(layer("l"), 10, 5);
      const outer = layer("m", { layers: [{ id: "l", slug: "slug-l" }], description: "d" });
      await store.apps.layers.insert(outer, 10, 5);
      assert.deepEqual(await store.apps.layers.find(acme.id, "slug-m"), outer);
      assert.equal(await store.apps.layers.remove("l"), false);
      await store.apps.layers.update({ ...outer, layers: [], updatedAt: 2 }, 1, 5);
      assert.equal(await store.apps.layers.remove("l"), true);
      const list = await store.apps.layers.list(acme.id, { limit: 5, search: "LUG" });
      assert.deepEqual(
        list.map(({ id }) => id),
        ["m"],
      );
      assert.deepEqual(await store.apps.layers.list(acme.id, { limit: 5, search: "%" }), []);
    });

    test("no more layers than allowed are in a chain, seen from both ends, and none in a circle", async () => {
      const { layers } = store.apps;
      const of = (...ids: string[]) => ids.map((id) => ({ id, slug: `slug-${id}` }));
      await layers.insert(layer("a"), 10, 3);
      await layers.insert(layer("b", { layers: of("a") }), 10, 3);
      await layers.insert(layer("c", { layers: of("a", "b") }), 10, 3);
      await assert.rejects(layers.insert(layer("d", { layers: of("c") }), 10, 3), NothingChanged);
      await layers.insert(layer("e"), 10, 3);
      await assert.rejects(layers.update(layer("a", { layers: of("e"), updatedAt: 2 }), 1, 3), NothingChanged);
      await assert.rejects(layers.update(layer("a", { layers: of("c"), updatedAt: 2 }), 1, 3), NothingChanged);
      assert.deepEqual(await layers.inclusions(acme.id), [
        { layer: "b", ...of("a")[0] },
        { layer: "c", ...of("a")[0] },
        { layer: "c", ...of("b")[0] },
      ]);
      assert.equal(await layers.count(acme.id), 4);
      // Neither of two changes at once is seen by the other before it is stored.
      const circle = [layer("a", { layers: of("e"), updatedAt: 2 }), layer("e", { layers: of("a"), updatedAt: 2 })];
      const results = await Promise.allSettled(circle.map((one) => layers.update(one, 1, 9)));
      assert.deepEqual(
        results.map(({ status }) => status),
        ["fulfilled", "rejected"],
      );
    });

    test("timelines lead to a revision when it is deployed, and back", async () => {
      await store.apps.insert(app("a"), 10);
      await deployed(revision("1"), 5);
      await deployed(revision("2", { createdAt: 2 }), 6);
      assert.deepEqual(await leads(), [["production", "2"]]);
      assert.equal((await store.apps.revisions.allTimelines())[0]?.previous, "1");
      assert.deepEqual(await store.apps.revisions.timelines({ revision: "1" }), []);
      await store.apps.revisions.lead("a", "production", "1", 7);
      assert.deepEqual(await leads(), [["production", "1"]]);
      await assert.rejects(store.apps.revisions.lead("a", "production", "nobody", 7), NothingChanged);
      await assert.rejects(store.apps.revisions.lead("a", "production", "1", 7), NothingChanged);
      assert.equal(await store.apps.revisions.setDeleted("1", 8), false);
      assert.equal(await store.apps.revisions.setDeleted("2", 8), true);
      await assert.rejects(store.apps.revisions.lead("a", "production", "2", 9), NothingChanged);
    });

    test("a deployment that was cancelled, or has failed, or whose app is gone, leads nowhere", async () => {
      await store.apps.insert(app("a"), 10);
      const cancelled = { ...revision("1"), buildLog: [] };
      await store.apps.revisions.insert(cancelled);
      await store.apps.revisions.setProgress({ ...cancelled, status: "building", disk: "snp-1" });
      assert.equal(await store.apps.revisions.requestCancellation("1", 3), true);
      await assert.rejects(store.apps.revisions.succeed(cancelled, 4), NothingChanged);
      assert.equal(await store.apps.revisions.fail(cancelled, "cancelled", 4), true);
      assert.equal(await store.apps.revisions.fail(cancelled, "error", 5), false);
      await assert.rejects(store.apps.revisions.setProgress(cancelled), NothingChanged);
      assert.deepEqual(await leads(), []);
      const late = { ...revision("2"), buildLog: [] };
      await store.apps.revisions.insert(late);
      await store.apps.revisions.setProgress({ ...late, status: "building", disk: "snp-2" });
      assert.equal(await store.apps.remove("a", 6), true);
      await assert.rejects(store.apps.revisions.succeed(late, 7), NothingChanged);
      await assert.rejects(store.apps.revisions.insert(revision("3")), NothingChanged);
      assert.deepEqual(
        (await store.apps.revisions.withUselessDisk()).map(({ disk }) => disk),
        ["snp-1", "snp-2"],
      );
      await store.apps.revisions.dropDisk("1");
      assert.equal((await store.apps.revisions.withUselessDisk()).length, 1);
    });

    test("old revisions are superfluous unless somebody keeps them, or production may go back to them", async () => {
      await store.apps.insert(app("a"), 10);
      for (const id of ["1", "2", "3", "4", "5"]) await deployed(revision(id, { createdAt: Number(id) }), Number(id));
      await store.apps.revisions.setRetention("1", "indefinite");
      assert.equal(await store.apps.revisions.deleteSuperfluous("a", 1, 6), 2);
      const kept = await store.apps.revisions.list("a", { limit: 9 });
      assert.deepEqual(
        kept.map(({ id }) => id),
        ["5", "4", "1"],
      );
      const preview = revision("6", { createdAt: 6 });
      preview.spec.targets = [{ slug: "preview/6", context: "preview" }];
      await deployed(preview, 6);
      assert.equal((await leads()).length, 2);
      assert.equal(await store.apps.revisions.setDeleted("6", 7), true);
      assert.deepEqual(await leads(), [["production", "5"]]);
    });

    test("what a deployment says is added line by line, and nothing when it has ended", async () => {
      const { revisions } = store.apps;
      await store.apps.insert(app("a"), 10);
      await revisions.insert(revision("1"));
      const line = (message: string) => ({
        timestamp: "",
        level: "info" as const,
        message,
        step: "deploying" as const,
      });
      const lines = ["one", "two", "three"].map(line);
      const step = (count: number) => ({ ...revision("1"), buildLog: lines.slice(0, count) });
      // Both before either is stored.
      await Promise.all([revisions.setProgress(step(1)), revisions.setProgress(step(2))]);
      assert.deepEqual(await revisions.buildLog("1"), lines.slice(0, 2));
      assert.equal(await revisions.fail(step(3), "error", 2), true);
      assert.deepEqual(await revisions.buildLog("1", 1), lines.slice(1));
      const late = { ...step(3), buildLog: [...lines, line("late")] };
      assert.equal(await revisions.fail(late, "error", 3), false);
      await assert.rejects(revisions.setProgress(late), NothingChanged);
      assert.deepEqual(await revisions.buildLog("1"), lines);
    });

    test("of revisions that failed or are deleted only the newest are remembered, and none of an app that is gone", async () => {
      const { revisions } = store.apps;
      await store.apps.insert(app("a"), 10);
      for (let at = 0; at < 200; at++) {
        const id = String(at).padStart(3, "0");
        await revisions.insert(revision(id, { createdAt: at }));
        if (at === 199) continue;
        const buildLog = [{ timestamp: "", level: "info" as const, message: id, step: "deploying" as const }];
        await revisions.fail({ ...revision(id), buildLog }, "error", at);
      }
      for (const id of ["w", "x", "y"]) await deployed(revision(id, { createdAt: 0 }), 300);
      await revisions.setDeleted("w", 301);
      await revisions.setDeleted("x", 301);
      for (const id of ["w", "x"]) await revisions.dropDisk(id);
      const left = async () => {
        const ids = ["w", "x", "y", ...Array.from({ length: 200 }, (_, at) => String(at).padStart(3, "0"))];
        const found = await Promise.all(ids.map((id) => revisions.find(acme.id, id)));
        return found.flatMap((one) => one?.id ?? []);
      };
      await revisions.forget("a", 3);
      // What is in production, what was before it, the newest that failed, and what is being deployed.
      assert.deepEqual(await left(), ["x", "y", "196", "197", "198", "199"]);
      assert.deepEqual(await revisions.buildLog("195"), []);
      assert.equal((await revisions.buildLog("198")).length, 1);
      await store.apps.remove("a", 302);
      await revisions.forget(null, 3);
      assert.deepEqual(await revisions.buildLog("198"), []);
      assert.deepEqual(
        (await revisions.withUselessDisk()).map(({ id }) => id),
        ["y"],
      );
    });

    test("lists revisions newest first, and those that an owner left", async () => {
      await store.apps.insert(app("a"), 10);
      for (const id of ["1", "2", "3"]) await store.apps.revisions.insert(revision(id, { createdAt: Number(id) }));
      await store.apps.revisions.fail({ ...revision("2"), buildLog: [] }, "error", 4);
      const list = async (options: object = {}) =>
        (await store.apps.revisions.list("a", { limit: 5, ...options })).map(({ id }) => id);
      assert.deepEqual(await list(), ["3", "2", "1"]);
      assert.deepEqual(await list({ status: "failed" }), ["2"]);
      assert.deepEqual(await list({ after: { createdAt: 3, id: "3" }, limit: 1 }), ["2"]);
      assert.deepEqual(
        (await store.apps.revisions.unfinished("cp_1")).map(({ id }) => id),
        ["1", "3"],
      );
      assert.deepEqual(await store.apps.revisions.unfinished("cp_2"), []);
      assert.equal(await store.apps.revisions.find(other.id, "1"), null);
      assert.deepEqual((await store.apps.revisions.find(acme.id, "1"))?.spec, revision("1").spec);
    });

    test("what apps print is found by time, level, revision and text, and the oldest goes first", async () => {
      await store.apps.insert(app("a"), 10);
      const line = (time: number, level: "info" | "error", message: string) => ({
        app: "a",
        revision: time < 3 ? "1" : "2",
        time,
        level,
        message,
      });
      await store.apps.logs.append([line(1, "info", "one"), line(2, "error", "100%"), line(3, "info", "three")]);
      await store.apps.logs.append([{ ...line(4, "info", "lost"), app: "nobody" }]);
      const list = async (query: object = {}) =>
        (await store.apps.logs.list("a", { since: 0, limit: 9, ...query })).map(({ message }) => message);
      assert.deepEqual(await list(), ["one", "100%", "three"]);
      assert.deepEqual(await list({ since: 2, until: 3 }), ["100%"]);
      assert.deepEqual(await list({ levels: ["warn", "error"] }), ["100%"]);
      assert.deepEqual(await list({ revision: "2" }), ["three"]);
      assert.deepEqual(await list({ text: "0%" }), ["100%"]);
      const [first] = await store.apps.logs.list("a", { since: 0, limit: 1 });
      assert.deepEqual(await list({ after: first }), ["100%", "three"]);
      assert.deepEqual(await list({ text: "THR" }), ["three"]);
      assert.equal(await store.apps.logs.prune("a", { lines: 2, bytes: 100 }), 1);
      assert.deepEqual(await list(), ["100%", "three"]);
      await store.apps.logs.append([line(5, "info", "ä")]);
      // Seven bytes, six characters.
      assert.equal(await store.apps.logs.prune("a", { lines: 9, bytes: 6 }), 2);
      assert.deepEqual(await list(), ["ä"]);
      await store.apps.logs.append(Array.from({ length: 1_234 }, () => line(6, "info", "x")));
      assert.equal(await store.apps.logs.prune("a", { lines: 3, bytes: 100 }), 1_232);
      assert.deepEqual(await list(), ["x", "x", "x"]);
      await store.apps.remove("a", 1);
      assert.deepEqual(await list(), []);
    });

    test("a snapshot that a revision needs cannot be deleted", async () => {
      await store.apps.insert(app("a"), 10);
      const disk = {
        id: "snp-1",
        kind: "snapshot" as const,
        organisation: acme.id,
        slug: "rev-1",
        region: "ord",
        host: "h",
        capacityBytes: 1,
        bootable: true,
        source: null,
        state: "creating" as const,
        createdAt: 1,
        deletedAt: null,
      };
      await store.disks.insert(disk, "cp_1", { number: 9, bytes: 9 });
      await store.disks.setReady("snp-1", disk, { bytes: 9 });
      await deployed(revision("1"), 2);
      assert.deepEqual(await store.disks.revisionOn("snp-1"), { revision: "1", app: "slug-a" });
      assert.equal(await store.disks.setDeleted("snp-1", 3), false);
      await store.apps.remove("a", 4);
      assert.equal(await store.disks.revisionOn("snp-1"), null);
      assert.equal(await store.disks.setDeleted("snp-1", 5), true);
    });
  });
}
