import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { DiskError, GuestError, GuestGone } from "@sandkeep/host";
import type { ErrorBody, SandboxEvent, Snapshot, SnapshotDetail, Volume, VolumeDetail } from "@sandkeep/protocol";
import type { ConfigInput } from "../config/schema.ts";
import { Fixture } from "../testing/fixture.ts";
import { FolderStorage } from "../testing/folder-storage.ts";

const GB = 1e9;

describe("volumes and snapshots", async () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start();
  });
  after(() => fixture[Symbol.asyncDispose]());

  const post = async <Answer>(path: string, body: unknown, token?: string): Promise<Answer & { status: number }> => {
    const response = await fixture.request("POST", path, { body, ...(token && { token }) });
    return { ...((await response.json()) as Answer), status: response.status };
  };
  const create = (slug: string, more: object = {}) =>
    post<Volume>("/api/v2/volumes", { slug, region: "ord", capacity: "1GB", ...more });
  const snapshot = (volume: string, slug: string) => post<Snapshot>(`/api/v2/volumes/${volume}/snapshot`, { slug });
  const remove = (path: string) => fixture.request("DELETE", path);
  const refused = async (response: Promise<Response> | Promise<object>): Promise<string> => {
    const answer = await response;
    const { code, message } = (answer instanceof Response ? await answer.json() : answer) as ErrorBody;
    return `${code}: ${message}`;
  };
  const slugs = async (path: string) => (await fixture.get<{ slug: string }[]>(path)).map(({ slug }) => slug);

  test("have exactly the fields that the official clients compare", async () => {
    const { status, ...volume } = await create("fields");
    assert.equal(status, 201);
    assert.match(volume.id, /^vol_ord_[0-9a-hjkmnp-z]{20}$/);
    const { id } = volume;
    assert.deepEqual(volume, {
      id,
      slug: "fields",
      region: "ord",
      capacity: GB,
      estimated_allocated_size: 4_096,
      estimated_flattened_size: 8_192,
      is_bootable: false,
      base_snapshot: null,
    });
    for (const name of [id, "fields"]) assert.deepEqual(await fixture.get(`/api/v2/volumes/${name}`), volume);
    const { status: _, ...taken } = await snapshot("fields", "fields-1");
    assert.match(taken.id, /^snp_ord_[0-9a-hjkmnp-z]{20}$/);
    assert.deepEqual(taken, {
      id: taken.id,
      slug: "fields-1",
      region: "ord",
      allocated_size: 4_096,
      flattened_size: 8_192,
      is_bootable: false,
      volume: { id, slug: "fields" },
    });
    for (const name of [taken.id, "fields-1"]) assert.deepEqual(await fixture.get(`/api/v2/snapshots/${name}`), taken);
    assert.equal((await remove("/api/v2/snapshots/fields-1")).status, 204);
    assert.equal((await remove(`/api/v2/volumes/${id}`)).status, 204);
    assert.match(await refused(fixture.request("GET", `/api/v2/volumes/${id}`)), /^VOLUME_NOT_FOUND/);
    assert.match(await refused(fixture.request("GET", "/api/v2/snapshots/fields-1")), /^SNAPSHOT_NOT_FOUND/);
  });

  test("take capacities with decimal and binary units, within the limits", async () => {
    for (const [at, [capacity, bytes]] of (
      [
        ["300MB", 300e6],
        ["1.5GiB", 1.5 * 2 ** 30],
        [2_000_000_000, 2e9],
        ["20GiB", 20 * 2 ** 30],
      ] as const
    ).entries())
      assert.equal((await create(`sized-${at}`, { capacity })).capacity, bytes);
    for (const capacity of ["299MB", "21GiB", "1PB", "lots", "-1GB", 0, 1.5, null, ""])
      assert.match(await refused(create("unsized", { capacity })), /^INVALID_REQUEST: .*capacity/);
    // A failed creation leaves the slug free.
    assert.equal((await create("unsized")).status, 201);
  });

  test("have slugs in one namespace, by one grammar", async () => {
    await create("taken");
    assert.match(await refused(create("taken")), /^SLUG_ALREADY_IN_USE: .*taken already exists/);
    assert.match(await refused(snapshot("taken", "taken")), /^SLUG_ALREADY_IN_USE/);
    for (const slug of ["a", "-a", "a-", "ab--c", "A1", "a_b", "a".repeat(33), "vol_ord_00000000000000000000"])
      assert.match(await refused(create(slug)), /^INVALID_REQUEST: .*slug/, slug);
  });

  test("do not take the name of an app's revision, whose disk the server names so", async () => {
    const slug = "rev-0123456789ab";
    await create("named");
    assert.match(await refused(create(slug)), /^INVALID_REQUEST: .*revision/);
    assert.match(await refused(snapshot("named", slug)), /^INVALID_REQUEST: .*revision/);
    await remove("/api/v2/volumes/named");
    assert.match(await refused(post("/api/v1/volumes/named/restore", { slug })), /^INVALID_REQUEST: .*revision/);
    assert.equal((await create("rev-mine")).status, 201);
  });

  test("are bootable if they come from the image or a bootable snapshot", async () => {
    const root = await create("root", { capacity: "10GB", from: "builtin:debian-13" });
    assert.deepEqual([root.is_bootable, root.base_snapshot], [true, null]);
    const base = await snapshot("root", "base");
    assert.equal(base.is_bootable, true);
    for (const from of ["base", base.id]) {
      const fork = await create(`of-${from.length}`, { capacity: "10GB", from });
      assert.deepEqual([fork.is_bootable, fork.base_snapshot], [true, { id: base.id, slug: "base" }]);
    }
    await create("plain");
    await snapshot("plain", "plain-1");
    assert.equal((await create("plain-fork", { from: "plain-1" })).is_bootable, false);
    assert.match(await refused(create("x1", { from: "nothing" })), /^SNAPSHOT_NOT_FOUND: .*"nothing"/);
    assert.match(await refused(create("x1", { from: "plain" })), /^SNAPSHOT_NOT_FOUND/);
    assert.match(await refused(create("x1", { from: "builtin:debian-13" })), /^INVALID_REQUEST: .*at least 2000000000/);
  });

  test("are created in the server's region only", async () => {
    assert.match(await refused(create("far", { region: "ams" })), /^REGION_MISMATCH: .*ord, not in "ams"/);
  });

  test("a snapshot stays as long as volumes depend on it, and the error names them", async () => {
    await create("origin");
    await snapshot("origin", "needed");
    for (let i = 0; i < 12; i++) await create(`child-${i}`, { from: "needed" });
    const message = await refused(remove("/api/v2/snapshots/needed"));
    assert.match(message, /^SNAPSHOT_IN_USE: The snapshot needed is needed by the volume child-0, .* and 2 more\./);
    // What it was taken from may go.
    assert.equal((await remove("/api/v2/volumes/origin")).status, 204);
    assert.equal((await fixture.get<Snapshot>("/api/v2/snapshots/needed")).volume.slug, "origin");
    for (let i = 0; i < 12; i++) await remove(`/api/v2/volumes/child-${i}`);
    assert.equal((await remove("/api/v2/snapshots/needed")).status, 204);
  });

  test("deleted ones free their slug, can be restored, and can be removed at once", async () => {
    const first = await create("again");
    await remove("/api/v2/volumes/again");
    assert.match(await refused(remove("/api/v2/volumes/again")), /^VOLUME_NOT_FOUND/);
    const second = await create("again");
    const [deleted] = await fixture.get<VolumeDetail[]>("/api/v1/volumes?state=deleted&search=again");
    assert.deepEqual([deleted?.id, deleted?.state], [first.id, "deleted"]);
    assert.equal(Date.parse(deleted!.removedAt!) - Date.parse(deleted!.deletedAt!), 24 * 3_600_000);
    const restore = (body: object = {}) => post<VolumeDetail>("/api/v1/volumes/again/restore", body);
    assert.match(await refused(restore()), /^SLUG_ALREADY_IN_USE: .*new slug/);
    const restored = await restore({ slug: "again-old" });
    assert.deepEqual([restored.id, restored.slug, restored.state], [first.id, "again-old", "ready"]);
    assert.match(await refused(restore()), /^VOLUME_NOT_FOUND: .*no deleted volume/);

    assert.ok(fixture.host.storage.ids.includes(second.id));
    for (const name of ["again", "again-old"]) assert.equal((await remove(`/api/v1/volumes/${name}`)).status, 204);
    assert.ok(!fixture.host.storage.ids.includes(second.id));
    // The slug of what is deleted names nothing: it may be another volume's by the time that a request is repeated.
    await create("again");
    await remove("/api/v2/volumes/again");
    const third = await create("again");
    assert.equal((await remove("/api/v1/volumes/again")).status, 204);
    assert.match(await refused(remove("/api/v1/volumes/again")), /^VOLUME_NOT_FOUND/);
    assert.ok(!fixture.host.storage.ids.includes(third.id));
    const [kept] = await fixture.get<VolumeDetail[]>("/api/v1/volumes?state=deleted&search=again");
    assert.ok(fixture.host.storage.ids.includes(kept!.id));
    assert.equal((await remove(`/api/v1/volumes/${kept!.id}`)).status, 204);
    assert.ok(!fixture.host.storage.ids.includes(kept!.id));
    await create("twice");
    const taken = await snapshot("twice", "twice-1");
    await remove("/api/v2/snapshots/twice-1");
    assert.equal((await post<SnapshotDetail>("/api/v1/snapshots/twice-1/restore", {})).id, taken.id);
    await remove("/api/v2/snapshots/twice-1");
    assert.equal((await remove(`/api/v1/snapshots/${taken.id}`)).status, 204);
    assert.ok(!fixture.host.storage.ids.includes(taken.id));
    assert.match(await refused(remove("/api/v1/snapshots/twice-1")), /^SNAPSHOT_NOT_FOUND/);
  });

  test("grow, and never shrink", async () => {
    await create("growing");
    const grow = async (capacity: unknown) =>
      await fixture.request("PATCH", "/api/v1/volumes/growing", { body: { capacity } });
    for (const capacity of ["3GB", "3GB"])
      assert.equal(((await (await grow(capacity)).json()) as VolumeDetail).capacity, 3 * GB);
    assert.match(await refused(grow("2GB")), /^INVALID_REQUEST: .*only grow/);
    assert.match(await refused(grow("30GB")), /^INVALID_REQUEST: .*capacity/);
    fixture.host.storage.gate = async () => {
      throw new DiskError("NO_SPACE", "The disk of this computer is full.");
    };
    assert.match(await refused(grow("4GB")), /^NO_SPACE/);
    fixture.host.storage.gate = async () => {};
    assert.equal((await fixture.get<VolumeDetail>("/api/v1/volumes/growing")).capacity, 3 * GB);
    // The guest may fail to enlarge the file system when the host has grown the volume already.
    const { storage } = fixture.host;
    const { grow: growOnHost } = FolderStorage.prototype;
    storage.grow = async (...args) => {
      await growOnHost.apply(storage, args);
      throw new Error("the file system is read-only");
    };
    assert.match(await refused(grow("5GB")), /^INTERNAL/);
    storage.grow = growOnHost;
    assert.equal((await fixture.get<VolumeDetail>("/api/v1/volumes/growing")).capacity, 5 * GB);
  });

  test("growing at once ends with what the host has", async () => {
    await create("contested");
    const { storage } = fixture.host;
    let grown = 0;
    storage.gate = async (step) => {
      await setImmediate();
      if (step === "grow" && grown++ % 2 === 0) throw new DiskError("NO_SPACE", "The disk of this computer is full.");
    };
    for (let round = 0; round < 20; round++) {
      const { id, capacity } = await fixture.get<VolumeDetail>("/api/v1/volumes/contested");
      const grow = (more: number) =>
        fixture.request("PATCH", `/api/v1/volumes/${id}`, { body: { capacity: capacity + more * 1e6 } });
      await Promise.all([grow(3), grow(1), grow(2)]);
      const recorded = (await fixture.get<VolumeDetail>("/api/v1/volumes/contested")).capacity;
      assert.equal(recorded, (await storage.facts(id)).capacityBytes);
    }
    storage.gate = async () => {};
  });

  test("a disk whose data is missing is reported as damaged", async () => {
    const { id } = await create("emptied");
    await fixture.host.storage.remove(id);
    assert.match(await refused(snapshot("emptied", "emptied-1")), /^DISK_DAMAGED: .*no disk/);
    const grow = (slug: string) => fixture.request("PATCH", `/api/v1/volumes/${slug}`, { body: { capacity: "2GB" } });
    assert.match(await refused(grow("emptied")), /^DISK_DAMAGED/);
    assert.equal((await remove(`/api/v1/volumes/${id}`)).status, 204);
  });

  test("what is removed, refuses, or ends meanwhile is a clear refusal", async () => {
    const { storage } = fixture.host;
    const during = async (meanwhile: () => unknown, change: () => Promise<object>): Promise<string> => {
      storage.gate = async (step) => {
        storage.gate = async () => {};
        if (step !== "remove") await meanwhile();
      };
      return await refused(change() as Promise<Response>);
    };
    const grow = () => fixture.request("PATCH", "/api/v1/volumes/fleeting", { body: { capacity: "2GB" } });
    const take = () => snapshot("fleeting", "fleeting-1");
    for (const change of [grow, take]) {
      await create("fleeting");
      assert.match(await during(() => remove("/api/v1/volumes/fleeting"), change), /^VOLUME_NOT_FOUND: .*"fleeting"/);
      await create("fleeting");
      const frozen = new GuestError({ constructorName: "Error", message: "Device or resource busy", code: "EBUSY" });
      const fail = (error: Error) => () => Promise.reject(error);
      assert.match(await during(fail(frozen), change), /^VOLUME_BUSY: .*Device or resource busy/);
      assert.match(await during(fail(new GuestGone("QEMU ended")), change), /^CHANGED_MEANWHILE/);
      assert.equal((await remove("/api/v1/volumes/fleeting")).status, 204);
    }
  });

  test("a creation that fails leaves nothing and is an event", async () => {
    fixture.host.storage.gate = async (step) => {
      if (step !== "remove") throw new DiskError("NO_SPACE", "The disk of this computer is full.");
    };
    const failed = await create("full");
    assert.deepEqual([failed.status, "code" in failed && failed.code], [507, "NO_SPACE"]);
    fixture.host.storage.gate = async () => {};
    assert.equal((await create("full")).status, 201);
    const events = await fixture.get<(SandboxEvent & { kind: "volume.created" })[]>(
      "/api/v1/events?kind=volume.created",
    );
    assert.deepEqual(
      events.filter(({ data }) => data.slug === "full").map(({ outcome, data }) => [outcome, data.error]),
      [
        ["ok", undefined],
        ["failed", "NO_SPACE"],
      ],
    );
  });

  test("every change is an event with the token that made it", async () => {
    const { id } = await create("noted");
    await snapshot("noted", "noted-1");
    await fixture.request("PATCH", "/api/v1/volumes/noted", { body: { capacity: "2GB" } });
    await remove("/api/v2/volumes/noted");
    await post("/api/v1/volumes/noted/restore", {});
    await remove("/api/v1/volumes/noted");
    await remove("/api/v1/snapshots/noted-1");
    const events = await fixture.get<SandboxEvent[]>("/api/v1/events?order=oldest-first&limit=1000");
    const noted = events.filter(({ data }) => "slug" in data && data.slug.startsWith("noted"));
    assert.deepEqual(
      noted.map(({ kind }) => kind),
      [
        "volume.created",
        "snapshot.created",
        "volume.grown",
        "volume.deleted",
        "volume.restored",
        "volume.deleted",
        "volume.removed",
        "snapshot.deleted",
        "snapshot.removed",
      ],
    );
    for (const { actor, outcome, data } of noted) {
      assert.deepEqual([actor.kind, outcome], ["token", "ok"]);
      assert.equal("volume" in data ? data.volume : id, id);
    }
  });

  test("lists have pages and a search, and other organisations see nothing of it", async () => {
    for (let i = 0; i < 5; i++) await create(`page-${i}`);
    const seen: string[] = [];
    let path: string | undefined = "/api/v2/volumes?search=page-&limit=2";
    while (path) {
      const response: Response = await fixture.request("GET", path);
      seen.push(...((await response.json()) as Volume[]).map(({ slug }) => slug));
      path = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(seen.toSorted(), ["page-0", "page-1", "page-2", "page-3", "page-4"]);
    assert.deepEqual(await slugs("/api/v2/volumes?search=AGE-3"), ["page-3"]);
    assert.match(await refused(fixture.request("GET", "/api/v2/volumes?cursor=x")), /^INVALID_CURSOR/);
    const { token } = await fixture.token({ organisation: "elsewhere", scope: "manage" });
    assert.deepEqual(await fixture.get("/api/v2/volumes", token), []);
    for (const [method, path] of [
      ["GET", "/api/v2/volumes/page-0"],
      ["DELETE", "/api/v2/volumes/page-0"],
      ["DELETE", "/api/v1/volumes/page-0"],
      ["POST", "/api/v1/volumes/page-0/restore"],
    ] as const)
      assert.equal((await fixture.request(method, path, { token })).status, 404, `${method} ${path}`);
    assert.equal(
      (await post("/api/v2/volumes", { slug: "page-0", region: "ord", capacity: "1GB" }, token)).status,
      201,
    );
  });
});

describe("limits of an organisation's storage", async () => {
  const start = async (storage: ConfigInput["storage"]) => {
    const fixture = await Fixture.start({ storage });
    const create = async (slug: string) =>
      await fixture.request("POST", "/api/v2/volumes", { body: { slug, region: "ord", capacity: "1GB" } });
    return { fixture, create };
  };

  test("count volumes, whatever is requested at once", async () => {
    const { fixture, create } = await start({ volumesPerOrganisation: 3 });
    await using _ = fixture;
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => create(`volume-${i}`)));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [...Array(3).fill(201), ...Array(7).fill(429)]);
    const refused = (await answers.find(({ status }) => status === 429)!.json()) as ErrorBody;
    assert.match(`${refused.code}: ${refused.message}`, /^STORAGE_LIMIT: .*already has 3 volumes.*limit is 3/);
    // What is deleted still has its data.
    const [volume] = await fixture.get<Volume[]>("/api/v2/volumes");
    await fixture.request("DELETE", `/api/v2/volumes/${volume!.id}`);
    assert.equal((await create("more")).status, 429);
    await fixture.request("DELETE", `/api/v1/volumes/${volume!.id}`);
    assert.equal((await create("more")).status, 201);
  });

  test("count a snapshot with what its volume has by then", async () => {
    const { fixture, create } = await start({ bytesPerOrganisation: 2.5 * GB });
    await using _ = fixture;
    const { id } = (await (await create("one")).json()) as Volume;
    const { storage } = fixture.host;
    const take = storage.snapshotVolume.bind(storage);
    storage.snapshotVolume = async (volume, snapshot) => {
      await fixture.request("PATCH", `/api/v1/volumes/${id}`, { body: { capacity: "1.5GB" } });
      return await take(volume, snapshot);
    };
    const refused = await fixture.request("POST", "/api/v2/volumes/one/snapshot", { body: { slug: "one-1" } });
    assert.equal(((await refused.json()) as ErrorBody).code, "STORAGE_LIMIT");
    assert.deepEqual(storage.ids, [id]);
    assert.deepEqual(await fixture.get("/api/v2/snapshots"), []);
  });

  test("count bytes, growing included", async () => {
    const { fixture, create } = await start({ bytesPerOrganisation: 2.5 * GB });
    await using _ = fixture;
    assert.equal((await create("one")).status, 201);
    assert.equal((await create("two")).status, 201);
    const third = (await (await create("three")).json()) as ErrorBody;
    assert.match(`${third.code}: ${third.message}`, /^STORAGE_LIMIT: .*2000000000 bytes; the limit is 2500000000/);
    const grow = async (capacity: string) =>
      (await fixture.request("PATCH", "/api/v1/volumes/one", { body: { capacity } })).status;
    assert.equal(await grow("1.6GB"), 429);
    assert.equal(await grow("1.5GB"), 200);
    const info = await fixture.get<{ limits: Record<string, number> }>("/api/v1/info");
    assert.equal(info.limits.storageBytesPerOrganisation, 2.5 * GB);
  });
});
