import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { GuestError } from "@sandkeep/host";
import type { ErrorBody, SandboxEvent, SandboxVolume, Snapshot, Volume, VolumeDetail } from "@sandkeep/protocol";
import { create, refusal, type TestClient } from "../testing/client.ts";
import { Fixture } from "../testing/fixture.ts";
import { stopped } from "../testing/stopped.ts";

async function withVolumes(...slugs: string[]): Promise<Fixture> {
  const fixture = await Fixture.start();
  for (const slug of slugs)
    await fixture.request("POST", "/api/v2/volumes", { body: { slug, region: "ord", capacity: "1GB" } });
  return fixture;
}
const attachment = async (fixture: Fixture, slug: string) =>
  (await fixture.get<VolumeDetail>(`/api/v1/volumes/${slug}`)).attachment;
const ok = async (answering: Promise<Response>) => {
  const response = await answering;
  assert.ok(response.ok, await response.text());
};
const reason = async (response: Promise<Response>) => {
  const { code, message } = (await (await response).json()) as ErrorBody;
  return `${code}: ${message}`;
};

describe("volumes of a new sandbox", async () => {
  test("are mounted in both dialects, and free when it has ended", async () => {
    await using fixture = await withVolumes("data", "inner");
    const { id } = await fixture.get<Volume>("/api/v2/volumes/data");
    for (const volumes of [
      [
        { volume: "inner", path: "/data/inner", read_only: true },
        { volume: id, path: "/data/" },
      ],
      { "/data/inner": { volume: "inner", read_only: true }, "/data": "data" },
    ]) {
      const client = await create(fixture, { volumes });
      assert.deepEqual(
        fixture.host.specs.at(-1)?.disks?.map(({ mount, readOnly }) => [mount, readOnly]),
        [
          ["/data", false],
          ["/data/inner", true],
        ],
      );
      assert.deepEqual(await attachment(fixture, "inner"), { sandbox: client.id, path: "/data/inner", readOnly: true });
      const listed = await fixture.get<SandboxVolume[]>(`/api/v1/sandboxes/${client.id}/volumes`);
      assert.deepEqual(listed[0], { volume: { id, slug: "data" }, path: "/data", readOnly: false });
      client.socket.close();
      await stopped(fixture, client.id);
      assert.equal(await attachment(fixture, "data"), null);
      assert.deepEqual(await fixture.get(`/api/v1/sandboxes/${client.id}/volumes`), []);
    }
    const events = await fixture.get<SandboxEvent[]>(
      "/api/v1/events?kind=volume.attached,volume.detached&order=oldest-first",
    );
    assert.deepEqual(events.map(({ kind, data }) => `${kind} ${"path" in data && data.path}`).slice(0, 4), [
      "volume.attached /data",
      "volume.attached /data/inner",
      "volume.detached /data",
      "volume.detached /data/inner",
    ]);
  });

  test("are refused with the reason, and nothing is left", async () => {
    await using fixture = await withVolumes("data");
    const refused = async (config: Record<string, unknown>) => {
      const { status, body } = await refusal(create(fixture, config));
      return `${status} ${body.code}: ${body.message}`;
    };
    assert.match(await refused({ volumes: { "/data": "nothing" } }), /^404 VOLUME_NOT_FOUND: .*"nothing"/);
    assert.match(await refused({ volumes: { "/": "data" } }), /^400 INVALID_CONFIG: .*use it as the root/);
    assert.match(
      await refused({ volumes: { "/a": "data", "/b": "data" } }),
      /^400 INVALID_CONFIG: .*data is named twice/,
    );
    const holder = await create(fixture, { volumes: { "/data": "data" } });
    assert.match(
      await refused({ volumes: { "/data": "data" } }),
      new RegExp(`^409 VOLUME_IN_USE: The volume data is in use by the sandbox ${holder.id}\\.`),
    );
    assert.equal((await fixture.get<unknown[]>("/api/v2/sandboxes")).length, 1);
    const { token } = await fixture.token({ organisation: "elsewhere" });
    const { body } = await refusal(create(fixture, { volumes: { "/data": "data" } }, { token }));
    assert.equal(body.code, "VOLUME_NOT_FOUND");
  });

  test("one of many sandboxes that want the same volume gets it", async () => {
    await using fixture = await withVolumes("data");
    for (let round = 0; round < 5; round++) {
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => create(fixture, { volumes: { "/data": "data" } })),
      );
      const [winner, ...others] = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      assert.equal(others.length, 0);
      for (const one of results)
        if (one.status === "rejected")
          assert.match(String(one.reason), /VOLUME_IN_USE: .* is in use by the sandbox sbx_/);
      // Whoever has just closed a sandbox may use its volume at once.
      await fixture.request("DELETE", `/api/v3/sandbox/${winner!.id}`);
    }
  });

  describe("are free at once for whoever closed their sandbox", () => {
    const config = { volumes: { "/data": "data" } };
    const wishes: [string, (fixture: Fixture) => Promise<unknown>][] = [
      ["the next sandbox", (fixture) => create(fixture, config)],
      [
        "another one that runs",
        async (fixture) => {
          const { id } = await create(fixture);
          const body = { volume: "data", path: "/data" };
          await ok(fixture.request("POST", `/api/v1/sandboxes/${id}/volumes`, { body }));
        },
      ],
      ["a deletion", (fixture) => ok(fixture.request("DELETE", "/api/v2/volumes/data"))],
      [
        "a snapshot",
        (fixture) => ok(fixture.request("POST", "/api/v2/volumes/data/snapshot", { body: { slug: "snap" } })),
      ],
    ];
    const ways: [string, (client: TestClient, fixture: Fixture) => unknown][] = [
      ["closed its connection", ({ socket }) => socket.close()],
      ["dropped its connection", ({ socket }) => socket.terminate()],
      [
        "had it killed",
        async ({ id, closed }, fixture) => {
          void fixture.request("DELETE", `/api/v3/sandbox/${id}`);
          await closed;
        },
      ],
    ];
    for (const [who, wish] of wishes)
      test(who, async () => {
        for (const [how, close] of ways) {
          await using fixture = await withVolumes("data");
          for (let round = 0; round < 3; round++) {
            const client = await create(fixture, config);
            await close(client, fixture);
            await wish(fixture).catch((error: unknown) => assert.fail(`${how}: ${error}`));
            if (who === "a deletion") break;
            await fixture.request("DELETE", "/api/v2/snapshots/snap");
            const holder = await attachment(fixture, "data");
            if (holder) await fixture.request("DELETE", `/api/v3/sandbox/${holder.sandbox}`);
          }
        }
      });

    test("but not before that: it is refused while the sandbox runs, and others that close do not matter", async () => {
      await using fixture = await withVolumes("data", "other");
      const other = await create(fixture, { volumes: { "/data": "other" } });
      const { id } = await create(fixture, config);
      other.socket.close();
      assert.match(
        String(await create(fixture, config).catch((error: unknown) => error)),
        new RegExp(`VOLUME_IN_USE.*${id}`),
      );
    });
  });

  test("are free again after a machine that was never ready", async () => {
    await using fixture = await withVolumes("data");
    fixture.host.storage.holders.set((await fixture.get<Volume>("/api/v2/volumes/data")).id, "another-machine");
    const { body } = await refusal(create(fixture, { volumes: { "/data": "data" } }));
    assert.equal(body.code, "VOLUME_IN_USE");
    assert.equal(await attachment(fixture, "data"), null);
  });
});

describe("volumes of a running sandbox", async () => {
  const attach = (fixture: Fixture, id: string, body: object) =>
    fixture.request("POST", `/api/v1/sandboxes/${id}/volumes`, { body });
  const detach = (fixture: Fixture, id: string, volume: string) =>
    fixture.request("DELETE", `/api/v1/sandboxes/${id}/volumes/${volume}`);

  test("are attached and detached", async () => {
    await using fixture = await withVolumes("data", "more");
    const { id } = await create(fixture);
    const mount = { volume: "data", path: "/data", read_only: true };
    const attached = await attach(fixture, id, mount);
    assert.equal(attached.status, 201);
    assert.equal(((await attached.json()) as SandboxVolume).readOnly, true);
    assert.match(await reason(attach(fixture, id, mount)), /^INVALID_REQUEST: .*mounted at \/data/);
    assert.match(
      await reason(attach(fixture, id, { ...mount, path: "/again" })),
      new RegExp(`^VOLUME_IN_USE: .*${id}`),
    );
    assert.match(await reason(attach(fixture, id, { volume: "more", path: "data" })), /^INVALID_REQUEST: .*absolute/);
    const machine = fixture.host.machines.get(id)!;
    machine.busy = true;
    assert.match(await reason(detach(fixture, id, "data")), /^VOLUME_BUSY/);
    assert.equal((await detach(fixture, id, "data?force=true")).status, 204);
    assert.match(await reason(detach(fixture, id, "data")), /^VOLUME_NOT_ATTACHED/);
    assert.deepEqual(machine.disks, []);
    assert.match(await reason(attach(fixture, "sbx_ord_none", mount)), /^SANDBOX_NOT_FOUND/);
  });

  test("are at most eight", async () => {
    const slugs = Array.from({ length: 9 }, (_, i) => `volume-${i}`);
    await using fixture = await withVolumes(...slugs);
    const { id } = await create(fixture, {
      volumes: Object.fromEntries(slugs.slice(0, 8).map((slug) => [`/${slug}`, slug])),
    });
    assert.match(
      await reason(attach(fixture, id, { volume: "volume-8", path: "/x" })),
      /^INVALID_REQUEST: .*8 volumes/,
    );
  });

  test("deleting a volume detaches it, unless programs use it", async () => {
    await using fixture = await withVolumes("data");
    const { id } = await create(fixture, { volumes: { "/data": "data" } });
    const machine = fixture.host.machines.get(id)!;
    machine.busy = true;
    assert.match(await reason(fixture.request("DELETE", "/api/v2/volumes/data")), /^VOLUME_BUSY/);
    machine.busy = false;
    assert.equal((await fixture.request("DELETE", "/api/v2/volumes/data")).status, 204);
    assert.deepEqual(machine.disks, []);
    assert.match(await reason(attach(fixture, id, { volume: "data", path: "/data" })), /^VOLUME_NOT_FOUND/);
  });

  test("a volume can be deleted while it is attached in vain", async () => {
    await using fixture = await withVolumes("data");
    const { id } = await create(fixture);
    const machine = fixture.host.machines.get(id)!;
    const [asked, mounting] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()];
    machine.attach = () => (asked.resolve(), mounting.promise);
    const attaching = reason(attach(fixture, id, { volume: "data", path: "/data" }));
    await asked.promise;
    const deleting = fixture.request("DELETE", "/api/v2/volumes/data");
    await setImmediate();
    mounting.reject(new GuestError({ constructorName: "Error", message: "it has no file system" }));
    assert.match(await attaching, /^INVALID_REQUEST: .*no file system/);
    assert.equal((await deleting).status, 204);
  });

  test("one that is just being attached is not free before the machine is gone", async () => {
    await using fixture = await withVolumes("data");
    const client = await create(fixture);
    const machine = fixture.host.machines.get(client.id)!;
    const [asked, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const ending = Promise.withResolvers<void>();
    machine.attach = () => (asked.resolve(), new Promise(() => {}));
    const destroy = machine.destroy.bind(machine);
    machine.destroy = async () => {
      ending.resolve();
      await going.promise;
      await destroy();
    };
    void attach(fixture, client.id, { volume: "data", path: "/data" }).catch(() => {});
    await asked.promise;
    client.socket.close();
    await ending.promise;
    // The store would have been told by now: it is asked after that.
    assert.equal((await attachment(fixture, "data"))?.sandbox, client.id);
    going.resolve();
    await stopped(fixture, client.id);
    assert.equal(await attachment(fixture, "data"), null);
  });

  test("of attaching, creating and deleting at once, exactly one wins", async () => {
    await using fixture = await withVolumes();
    const clients = [await create(fixture), await create(fixture)];
    for (let round = 0; round < 30; round++) {
      const slug = `round-${round}`;
      await fixture.request("POST", "/api/v2/volumes", { body: { slug, region: "ord", capacity: "1GB" } });
      const answers = await Promise.all([
        ...clients.map(({ id }) => attach(fixture, id, { volume: slug, path: `/${slug}` })),
        fixture.request("DELETE", `/api/v2/volumes/${slug}`),
      ]);
      const codes = await Promise.all(
        answers.map(async (answer) => (answer.ok ? "ok" : ((await answer.json()) as ErrorBody).code)),
      );
      // Deleting detaches, so it may win after an attach.
      assert.ok(
        codes.slice(0, 2).filter((code) => code === "ok").length + Number(codes[2] === "ok") >= 1,
        codes.join(),
      );
      for (const code of codes) assert.match(code, /^(ok|VOLUME_IN_USE|VOLUME_NOT_FOUND|CHANGED_MEANWHILE)$/);
      const holders = clients.filter(({ id }) =>
        fixture.host.machines.get(id)!.disks.some(({ mount }) => mount === `/${slug}`),
      );
      const found = await fixture.request("GET", `/api/v1/volumes/${slug}`);
      assert.equal(holders.length, codes[2] === "ok" ? 0 : 1, codes.join());
      if (found.ok) assert.equal(((await found.json()) as VolumeDetail).attachment?.sandbox, holders[0]?.id);
      for (const { id } of holders) assert.equal((await detach(fixture, id, slug)).status, 204);
    }
  });
});

describe("the root of a sandbox", async () => {
  async function withRoots(): Promise<Fixture> {
    const fixture = await withVolumes("plain");
    const root = { slug: "root", region: "ord", capacity: "10GB", from: "builtin:debian-13" };
    await fixture.request("POST", "/api/v2/volumes", { body: root });
    await fixture.request("POST", "/api/v2/volumes/root/snapshot", { body: { slug: "snap" } });
    return fixture;
  }

  test("is a volume for one sandbox, or a snapshot for any number", async () => {
    await using fixture = await withRoots();
    const { id } = await fixture.get<Volume>("/api/v2/volumes/root");
    const { id: snapshot } = await fixture.get<Volume>("/api/v2/snapshots/snap");
    const holder = await create(fixture, { root: { volume: "root" }, volumes: { "/data": "plain" } });
    assert.deepEqual(fixture.host.specs.at(-1)?.root, { volume: id });
    assert.deepEqual(await attachment(fixture, "root"), { sandbox: holder.id, path: null, readOnly: false });
    const { status, body } = await refusal(create(fixture, { root: { volume: id } }));
    assert.deepEqual([status, body.code], [409, "VOLUME_IN_USE"]);
    assert.match(body.message, new RegExp(holder.id));
    assert.match(await reason(fixture.request("DELETE", "/api/v2/volumes/root")), /^VOLUME_IN_USE/);

    const users = [
      await create(fixture, { root: { volume: "snap" } }),
      await create(fixture, { root: { volume: "snap" } }),
    ];
    assert.deepEqual(fixture.host.specs.at(-1)?.root, { snapshot });
    const kept = await reason(fixture.request("DELETE", "/api/v2/snapshots/snap"));
    assert.match(kept, /^SNAPSHOT_IN_USE: /);
    for (const client of users) {
      assert.ok(kept.includes(`the sandbox ${client.id}`), kept);
      client.socket.close();
      await client.closed;
    }
    assert.equal((await fixture.request("DELETE", "/api/v2/snapshots/snap")).status, 204);
    holder.socket.close();
    await holder.closed;
    assert.equal((await fixture.request("DELETE", "/api/v2/volumes/root")).status, 204);
  });

  test("is refused with the reason", async () => {
    await using fixture = await withRoots();
    const refused = async (config: Record<string, unknown>) => {
      const { status, body } = await refusal(create(fixture, config));
      return `${status} ${body.code}`;
    };
    assert.equal(await refused({ root: { volume: "nothing" } }), "404 VOLUME_NOT_FOUND");
    assert.equal(await refused({ root: { volume: "plain" } }), "409 NOT_BOOTABLE");
    assert.equal(await refused({ root: { volume: "root" }, volumes: { "/a": "root" } }), "400 INVALID_CONFIG");
    assert.equal(await refused({ volumes: { "/a": "snap" } }), "404 VOLUME_NOT_FOUND");
  });

  test("can be snapshotted while the sandbox runs", async () => {
    await using fixture = await withRoots();
    const { id } = await create(fixture);
    const taken = await fixture.request("POST", `/api/v1/sandboxes/${id}/snapshot`, { body: { slug: "as-it-is" } });
    assert.equal(taken.status, 201);
    const snapshot = (await taken.json()) as Snapshot;
    assert.deepEqual([snapshot.is_bootable, snapshot.volume], [true, { id, slug: id }]);
    const other = await create(fixture, { root: { volume: "root" } });
    const ofVolume = await fixture.request("POST", `/api/v1/sandboxes/${other.id}/snapshot`, {
      body: { slug: "again" },
    });
    assert.equal(((await ofVolume.json()) as Snapshot).volume.slug, "root");
  });
});

describe("after a restart", async () => {
  test("a sandbox that went on has its volumes, and one that ended has released them", async () => {
    await using fixture = await withVolumes("kept", "released");
    const kept = await create(fixture, { timeout: "5m", volumes: { "/kept": "kept" } });
    await create(fixture, { volumes: { "/released": "released" } });
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    assert.equal((await attachment(fixture, "kept"))?.sandbox, kept.id);
    assert.equal(await attachment(fixture, "released"), null);
    const detached = await fixture.request("DELETE", `/api/v1/sandboxes/${kept.id}/volumes/kept`);
    assert.equal(detached.status, 204);
    assert.equal(await attachment(fixture, "kept"), null);
  });

  test("a volume that was claimed and not attached is free", async () => {
    await using fixture = await withVolumes("claimed");
    const { id } = await create(fixture, { timeout: "5m" });
    const machine = fixture.host.machines.get(id)!;
    const never = Promise.withResolvers<never>();
    const claimed = Promise.withResolvers<void>();
    machine.attach = () => (claimed.resolve(), never.promise);
    const pending = fixture
      .request("POST", `/api/v1/sandboxes/${id}/volumes`, { body: { volume: "claimed", path: "/x" } })
      .catch(() => {});
    await claimed.promise;
    assert.equal((await attachment(fixture, "claimed"))?.sandbox, id);
    await fixture.server.close({ leaveRunning: true });
    await fixture.start();
    await pending;
    assert.equal(await attachment(fixture, "claimed"), null);
  });
});
