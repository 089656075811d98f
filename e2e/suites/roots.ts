import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import type { Sandbox as OwnSandbox } from "sandkeep";
import type { Sdk } from "../harness/sdk.ts";

/** Sandboxes that run on volumes and snapshots. */
export default function roots(sdk: Sdk): void {
  const { Client, ConnectionEstablishmentError, Sandbox } = sdk.module;
  let client: InstanceType<typeof Client>;
  before(() => {
    client = new Client();
  });
  /** Both clients use one server at once. */
  const run = randomBytes(4).toString("hex");
  const volume = `root-${run}`;
  const snapshot = `snap-${run}`;
  before(async () => {
    await client.volumes.create({ slug: volume, region: "ord", capacity: "10GB", from: "builtin:debian-13" });
  });
  after(async () => {
    await client.snapshots.delete(snapshot);
    await client.volumes.delete(volume);
  });
  const refusal = async (root: string): Promise<string> => {
    const error = await Sandbox.create({ root }).then(
      () => assert.fail("it was not refused"),
      (error) => error,
    );
    assert.ok(error instanceof ConnectionEstablishmentError, String(error));
    return `${error.code} ${error.message}`;
  };

  test("a volume as the root keeps what sandboxes change, one at a time", async () => {
    {
      await using sandbox = await Sandbox.create({ root: volume });
      await sandbox.sh`sudo sh -c 'echo "echo installed" > /usr/local/bin/tool && chmod 755 /usr/local/bin/tool'`;
      await sandbox.fs.writeTextFile("note.txt", "kept");
      assert.match(await refusal(volume), new RegExp(`^VOLUME_IN_USE .*${sandbox.id}`));
    }
    await using sandbox = await Sandbox.create({ root: volume });
    assert.equal(await sandbox.sh`tool`.text(), "installed\n");
    assert.equal(await sandbox.fs.readTextFile("note.txt"), "kept");
  });

  test("a snapshot as the root is for several sandboxes, which keep nothing", async () => {
    await client.volumes.snapshot(volume, { slug: snapshot });
    await using one = await Sandbox.create({ root: snapshot });
    await one.fs.writeTextFile("note.txt", "changed");
    await using two = await Sandbox.create({ root: snapshot });
    assert.equal(await two.fs.readTextFile("note.txt"), "kept");
    assert.equal(await two.sh`tool`.text(), "installed\n");
    assert.equal(await one.fs.readTextFile("note.txt"), "changed");
  });

  test("what is no root is refused", async () => {
    const plain = await client.volumes.create({ slug: `plain-${run}`, region: "ord", capacity: "300MB" });
    assert.match(await refusal(plain.slug), /^NOT_BOOTABLE/);
    assert.match(await refusal("nothing"), /^VOLUME_NOT_FOUND/);
    await client.volumes.delete(plain.id);
  });

  // Sandkeep's own.
  if (sdk.official) return;

  test("ours takes a snapshot of a running sandbox's disk", async () => {
    await using sandbox = (await Sandbox.create()) as unknown as OwnSandbox;
    await sandbox.fs.writeTextFile("note.txt", "then");
    const taken = await sandbox.snapshot({ slug: `live-${run}` });
    await sandbox.fs.writeTextFile("note.txt", "now");
    {
      await using other = await Sandbox.create({ root: taken.slug });
      assert.equal(await other.fs.readTextFile("note.txt"), "then");
    }
    await client.snapshots.delete(taken.id);
  });
}
