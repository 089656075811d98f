import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ErrorBody, SandboxEvent, SnapshotDetail, Volume, VolumeDetail } from "@sandkeep/protocol";
import type { ConfigInput } from "../../config/schema.ts";
import { Fixture } from "../../testing/fixture.ts";

/** A server with a snapshot `saved`, and that as a file. */
async function start(storage: ConfigInput["storage"] = {}) {
  const fixture = await Fixture.start({ storage });
  const { storage: disks } = fixture.host;
  disks.content = randomBytes(300_000);
  const { content } = disks;
  await fixture.request("POST", "/api/v2/volumes", { body: { slug: "data", region: "ord", capacity: "1GB" } });
  await fixture.request("POST", "/api/v2/volumes/data/snapshot", { body: { slug: "saved" } });
  const exported = () => fixture.request("GET", "/api/v1/snapshots/saved/export");
  const file = async () => new Uint8Array(await (await exported()).arrayBuffer());
  const load = (slug: string, body: Uint8Array) =>
    fixture.request("POST", `/api/v1/volumes/import?slug=${slug}`, { body });
  return { fixture, disks, content, exported, file, load, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}
const refused = async (response: Promise<Response>) => {
  const { code, message } = (await (await response).json()) as ErrorBody;
  return `${code}: ${message}`;
};

describe("exports and imports", async () => {
  test("make a volume of what a snapshot contains, and are events", async () => {
    await using server = await start();
    const { fixture, disks, content, exported, load } = server;
    const answer = await exported();
    assert.deepEqual(
      ["content-type", "content-disposition"].map((name) => answer.headers.get(name)),
      ["application/zstd", 'attachment; filename="saved.disk.zst"'],
    );
    disks.content = Buffer.alloc(0);
    const imported = await load("again", new Uint8Array(await answer.arrayBuffer()));
    assert.equal(imported.status, 201);
    const volume = (await imported.json()) as VolumeDetail;
    assert.partialDeepStrictEqual(volume, { slug: "again", capacity: 1e9, is_bootable: false, base_snapshot: null });
    assert.ok(disks.content.equals(content));
    assert.deepEqual(await fixture.get("/api/v1/volumes/again"), volume);
    const events = await fixture.get<SandboxEvent[]>("/api/v1/events?kind=volume.created,snapshot.exported");
    assert.deepEqual(
      events.slice(0, 2).map(({ kind, data }) => [kind, "from" in data && data.from]),
      [
        ["volume.created", "file"],
        ["snapshot.exported", false],
      ],
    );
    // A volume may have that name.
    await fixture.request("POST", "/api/v2/volumes", { body: { slug: "import", region: "ord", capacity: "1GB" } });
    assert.equal((await fixture.get<Volume>("/api/v1/volumes/import")).slug, "import");
  });

  test("are for those with the scope run, within their organisation", async () => {
    await using server = await start();
    const { fixture, file } = server;
    const { token: reader } = await fixture.token({ scope: "read" });
    const path = "/api/v1/snapshots/saved/export";
    assert.match(await refused(fixture.request("GET", path, { token: reader })), /^FORBIDDEN/);
    const body = await file();
    const load = (token: string) => refused(fixture.request("POST", "/api/v1/volumes/import?slug=x1", { body, token }));
    assert.match(await load(reader), /^FORBIDDEN/);
    const { token: stranger } = await fixture.token({ organisation: "elsewhere" });
    assert.match(await refused(fixture.request("GET", path, { token: stranger })), /^SNAPSHOT_NOT_FOUND/);
  });

  test("leave nothing of a file that is not whole, or that is none", async () => {
    await using server = await start();
    const { fixture, disks, file, load } = server;
    const before = disks.ids;
    const whole = await file();
    const changed = Uint8Array.from(whole);
    // Some single bits make no difference to what is decompressed.
    for (let at = whole.length >> 1, end = at + 64; at < end; at++) changed[at]! ^= 0xff;
    for (const body of [whole.subarray(0, -1), whole.subarray(0, whole.length >> 1), changed, new Uint8Array(1_000)])
      assert.match(await refused(load("bad", body)), /^INVALID_DISK_FILE: /);
    assert.match(await refused(load("Bad", whole)), /^INVALID_REQUEST: .*slug/);
    assert.deepEqual(disks.ids, before);
    assert.equal((await fixture.get<unknown[]>("/api/v2/volumes")).length, 1);
    assert.equal((await load("bad", whole)).status, 201);
  });

  test("check limits before anything is written", async () => {
    await using server = await start({ bytesPerOrganisation: 2.5e9 });
    const { fixture, disks, file, load } = server;
    const whole = await file();
    const written: string[] = [];
    disks.gate = async (step) => void written.push(step);
    assert.match(await refused(load("much", whole)), /^STORAGE_LIMIT/);
    assert.match(await refused(load("data", whole)), /^(SLUG_ALREADY_IN_USE|STORAGE_LIMIT)/);
    await fixture.server.close();
    await fixture.start({ storage: { maxVolumeBytes: 500e6 } });
    assert.match(await refused(load("large", whole)), /^INVALID_REQUEST: .*capacity/);
    assert.deepEqual(written, []);
  });

  test("refuse a long file while it is still being sent", async () => {
    await using server = await start();
    const { disks, file, load } = server;
    disks.content = randomBytes(20_000_000);
    const whole = await file();
    disks.content = Buffer.alloc(0);
    for (let round = 0; round < 5; round++) assert.match(await refused(load("data", whole)), /^SLUG_ALREADY_IN_USE/);
    assert.equal(disks.content.length, 0);
  });

  test("leave nothing if the client disconnects, or its token ends", async () => {
    await using server = await start();
    const { fixture, disks, file } = server;
    const whole = await file();
    const before = disks.ids;
    const { token, id } = await fixture.token();
    const failures = async () =>
      (await fixture.get<SandboxEvent[]>("/api/v1/events?kind=volume.created")).filter(
        ({ outcome, data }) => outcome === "failed" && "error" in data && data.error === "REQUEST_ABORTED",
      ).length;
    for (const [n, leave] of [
      (upload: ReturnType<typeof request>) => void upload.destroy(),
      () => fixture.request("DELETE", `/api/v1/tokens/${id}`),
    ].entries()) {
      const begun = Promise.withResolvers<void>();
      disks.gate = async (step) => void (step === "importVolume" && begun.resolve());
      const upload = request(new URL("/api/v1/volumes/import?slug=half", fixture.origin), {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
      });
      upload.on("error", () => {});
      upload.write(whole.subarray(0, whole.length >> 1));
      await begun.promise;
      await leave(upload);
      while ((await failures()) === n) await setImmediate();
      upload.destroy();
      assert.deepEqual(disks.ids, before);
    }
  });

  test("are not made for whoever asks for no body", async () => {
    await using server = await start();
    const { fixture, exported } = server;
    for (let n = 0; n < 5; n++) {
      const { status, headers } = await fixture.request("HEAD", "/api/v1/snapshots/saved/export");
      assert.deepEqual([status, headers.get("allow")], [405, "GET"]);
    }
    const answer = await exported();
    assert.equal(answer.status, 200);
    assert.ok((await answer.arrayBuffer()).byteLength > 0);
  });

  test("are limited in number at once", async () => {
    await using server = await start();
    const { disks, exported, load } = server;
    const going = Promise.withResolvers<void>();
    let begun = 0;
    disks.gate = async () => {
      begun++;
      await going.promise;
    };
    const four = Array.from({ length: 4 }, exported);
    while (begun < 4) await setImmediate();
    assert.match(await refused(exported()), /^TRANSFER_LIMIT: .*4 exports/);
    assert.match(await refused(load("fifth", new Uint8Array(10))), /^TRANSFER_LIMIT/);
    going.resolve();
    for (const one of four) await (await one).arrayBuffer();
    // The server knows a little later than the client that a file was read to its end.
    for (let status = 0; status !== 200; ) {
      const one = await exported();
      await one.arrayBuffer();
      ({ status } = one);
    }
  });

  test("of a snapshot whose data is missing says so", async () => {
    await using server = await start();
    const { fixture, disks, exported } = server;
    const { id } = await fixture.get<SnapshotDetail>("/api/v1/snapshots/saved");
    await disks.remove(id);
    assert.match(await refused(exported()), /^DISK_DAMAGED/);
  });
});
