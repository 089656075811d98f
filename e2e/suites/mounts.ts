import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import type { Sandbox as OwnSandbox } from "sandkeep";
import type { Sdk } from "../harness/sdk.ts";

/** Volumes in sandboxes. */
export default function mounts(sdk: Sdk): void {
  const { Client, ConnectionEstablishmentError, Sandbox } = sdk.module;
  let client: InstanceType<typeof Client>;
  before(() => {
    client = new Client();
  });
  /** Both clients use one server at once. */
  const run = randomBytes(4).toString("hex");
  const made: string[] = [];
  const create = async (name: string) => {
    const volume = await client.volumes.create({ slug: `${name}-${run}`, region: "ord", capacity: "300MB" });
    made.push(volume.id);
    return volume;
  };
  after(async () => {
    for (const id of made) await client.volumes.delete(id);
  });
  const refusal = async (promise: Promise<unknown>): Promise<Error & { code?: string }> => {
    const error = await promise.then(
      () => assert.fail("it was not refused"),
      (error) => error,
    );
    assert.ok(error instanceof ConnectionEstablishmentError, String(error));
    return error as Error & { code?: string };
  };

  test("a volume keeps what sandboxes write, is theirs one at a time, and belongs to the user", async () => {
    const volume = await create("kept");
    {
      await using sandbox = await Sandbox.create({ volumes: { "/data/deep/down": volume.slug } });
      await sandbox.fs.writeTextFile("/data/deep/down/note.txt", "first");
      await sandbox.sh`printf '#!/bin/sh\necho runs' > /data/deep/down/script && chmod +x /data/deep/down/script`;
      const busy = await refusal(Sandbox.create({ volumes: { "/data": volume.id } }));
      assert.equal(busy.code, "VOLUME_IN_USE");
      assert.match(busy.message, new RegExp(sandbox.id));
    }
    await using sandbox = await Sandbox.create({ volumes: { "/elsewhere": volume.id } });
    assert.equal(await sandbox.fs.readTextFile("/elsewhere/note.txt"), "first");
    assert.equal(await sandbox.sh`/elsewhere/script`.text(), "runs\n");
    assert.equal(await sandbox.sh`stat -c %U /elsewhere`.text(), "app\n");
  });

  test("volumes can be mounted in each other, and at paths with spaces", async () => {
    const [outer, inner] = [await create("outer"), await create("inner")];
    const volumes = { "/data/in it/here": inner.slug, "/data": outer.slug };
    {
      await using sandbox = await Sandbox.create({ volumes });
      await sandbox.fs.writeTextFile("/data/in it/here/inner.txt", "inner");
      await sandbox.fs.writeTextFile("/data/outer.txt", "outer");
    }
    await using sandbox = await Sandbox.create({ volumes: { "/only": outer.slug } });
    assert.equal(await sandbox.fs.readTextFile("/only/outer.txt"), "outer");
    await assert.rejects(sandbox.fs.readTextFile("/only/in it/here/inner.txt"));
  });

  test("a volume is free at once for whoever has closed its sandbox", async () => {
    const use = async (volume: string, text: string) => {
      const sandbox = await Sandbox.create({ volumes: { "/data": volume } });
      await sandbox.fs.writeTextFile("/data/note", text);
      await sandbox.close();
    };
    const volume = await client.volumes.create({ slug: `closed-${run}`, region: "ord", capacity: "300MB" });
    await use(volume.slug, "first");
    await use(volume.slug, "second");
    const snapshot = await client.volumes.snapshot(volume.slug, { slug: `closed-snap-${run}` });
    const from = snapshot.slug;
    const copy = await client.volumes.create({ slug: `closed-copy-${run}`, region: "ord", capacity: "300MB", from });
    const reader = await Sandbox.create({ volumes: { "/data": copy.slug } });
    assert.equal(await reader.fs.readTextFile("/data/note"), "second");
    await use(volume.slug, "third");
    await client.volumes.delete(volume.id);
    await reader.close();
    await client.volumes.delete(copy.id);
    await client.snapshots.delete(snapshot.id);
  });

  test("what cannot be mounted is refused with the reason", async () => {
    const volume = await create("refused");
    assert.equal((await refusal(Sandbox.create({ volumes: { "/data": "nothing" } }))).code, "VOLUME_NOT_FOUND");
    for (const path of ["/", "data", "/proc/x", "/a/../b"])
      assert.equal((await refusal(Sandbox.create({ volumes: { [path]: volume.slug } }))).code, "INVALID_CONFIG", path);
    await using _ = await Sandbox.create({ volumes: { "/data": volume.slug } });
  });

  test("a snapshot of a volume in use has what was written, and a volume made from it too", async () => {
    const volume = await create("live");
    await using sandbox = await Sandbox.create({ volumes: { "/data": volume.slug } });
    await sandbox.sh`echo before > /data/file && sync`;
    const snapshot = await client.volumes.snapshot(volume.id, { slug: `snap-${run}` });
    await sandbox.sh`echo after > /data/file`;
    const fork = await client.volumes.create({
      slug: `fork-${run}`,
      region: "ord",
      capacity: "400MB",
      from: snapshot.slug,
    });
    {
      await using other = await Sandbox.create({ volumes: { "/fork": fork.slug } });
      assert.equal(await other.fs.readTextFile("/fork/file"), "before\n");
      await other.fs.writeTextFile("/fork/file", "changed");
    }
    assert.equal(await sandbox.fs.readTextFile("/data/file"), "after\n");
    await client.volumes.delete(fork.id);
    await client.snapshots.delete(snapshot.id);
  });

  test("deleting a volume takes it from its sandbox", async () => {
    const volume = await client.volumes.create({ slug: `gone-${run}`, region: "ord", capacity: "300MB" });
    await using sandbox = await Sandbox.create({ volumes: { "/data": volume.slug } });
    await sandbox.fs.writeTextFile("/data/x", "x");
    await client.volumes.delete(volume.id);
    await assert.rejects(sandbox.fs.readTextFile("/data/x"));
    assert.equal(await client.volumes.get(volume.id), null);
  });

  // Sandkeep's own.
  if (sdk.official) return;

  test("ours mounts for reading only, attaches, grows and detaches while the sandbox runs", async () => {
    const volume = await create("own");
    await using sandbox = (await Sandbox.create({
      volumes: { "/data": { volume: volume.slug, readOnly: true } },
    } as Parameters<typeof OwnSandbox.create>[0] as never)) as unknown as OwnSandbox;
    await assert.rejects(sandbox.fs.writeTextFile("/data/x", "x"), /[Rr]ead-only/);
    await sandbox.volumes.detach(volume.slug);
    const mounted = { volume: { id: volume.id, slug: volume.slug }, path: "/again", readOnly: false };
    assert.deepEqual(await sandbox.volumes.attach(volume.id, "/again"), mounted);
    assert.deepEqual(await sandbox.volumes.list(), [mounted]);
    await sandbox.fs.writeTextFile("/again/x", "x");
    const size = async () => Number((await sandbox.sh`df --output=size -B1 /again | tail -1`.text()).trim());
    const before = await size();
    await (client as unknown as import("sandkeep").Client).volumes.grow(volume.id, "600MB");
    assert.ok((await size()) > before + 200e6);

    await using child = await sandbox.spawn("sh", { args: ["-c", "exec sleep 60"], cwd: "/again" });
    const busy = await sandbox.volumes.detach(volume.id).catch((error) => error);
    assert.equal(busy.code, "VOLUME_BUSY");
    await sandbox.volumes.detach(volume.id, { force: true });
    await child.kill();
    assert.deepEqual(await sandbox.volumes.list(), []);
  });
}
