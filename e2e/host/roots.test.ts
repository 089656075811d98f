/** Disks as roots, on real machines: snapshots, volumes, and what somebody left on them. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Machine } from "@sandkeep/host";
import { run, shell } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

/** More than the image has: the file system grows. */
const CAPACITY_BYTES = 12 * 1024 ** 3;
/** Long, because a template is built in the background. */
const PATIENCE_MS = 240_000;

/** Gives a root a program that is run before it is used. */
const WARM_UP = `sudo mkdir /etc/sandkeep
  printf '#!/bin/sh\\necho $(id -un) $PWD >> ~/warmed-up\\n' | sudo tee /etc/sandkeep/warm-up
  sudo chmod +x /etc/sandkeep/warm-up`;

let next = 0;

/** Roots of this host's own templates that are complete: those have a marker. */
async function rootsWithTemplates({ dataDir }: HostFixture): Promise<string[]> {
  const dir = join(dataDir, "templates");
  const markers = (await readdir(dir)).map((name) => readFile(join(dir, name, "template"), "utf8").catch(() => "{}"));
  return (await Promise.all(markers)).map((text) => JSON.parse(text).root);
}

describe("a root", () => {
  let fixture: HostFixture;
  let image: string;
  before(async () => {
    fixture = await HostFixture.open();
    image = (await fixture.host.info()).versions.image!;
  });
  after(() => fixture[Symbol.asyncDispose]());

  const volume = async (): Promise<string> => {
    const id = `root_${next++}`;
    await fixture.host.storage.createVolume({ id, capacityBytes: CAPACITY_BYTES, from: { image } });
    return id;
  };
  const destroy = (...machines: Machine[]) => Promise.all(machines.map((machine) => machine.destroy()));

  test("that is a volume keeps what its machine writes, and belongs to that machine", async () => {
    const id = await volume();
    const first = await fixture.create({ root: { volume: id }, env: { GREETING: "hello" } });
    const facts = await shell(first, "id -un; pwd; echo $GREETING; hostname; cat /etc/machine-id");
    const bytes = Number(await shell(first, "df -B1 --output=size / | tail -1"));
    assert.ok(bytes > 0.95 * CAPACITY_BYTES, String(bytes));
    assert.match(facts, /^app\n\/home\/app\nhello\nsbx-test-\d+\n[0-9a-f]{32}$/);
    const refused = { name: "DiskError", code: "DISK_IN_USE", message: new RegExp(first.id) };
    await assert.rejects(fixture.create({ root: { volume: id } }), refused);
    // Not synced: ending a machine writes what it has.
    await shell(first, "echo kept > /home/app/note");
    await first.destroy();
    const second = await fixture.create({ root: { volume: id } });
    assert.equal(await shell(second, "cat /home/app/note"), "kept");
    assert.notEqual(await shell(second, "cat /etc/machine-id"), facts.split("\n").at(-1));
    await second.destroy();
  });

  test("that is a snapshot serves any number of machines; they start from its template once that is built", async () => {
    const id = await volume();
    const maker = await fixture.create({ root: { volume: id } });
    await shell(maker, "echo made > /home/app/note");
    await shell(maker, WARM_UP);
    // Of a running machine: frozen for a moment.
    await fixture.host.storage.snapshotVolume(id, "snap");
    await shell(maker, "echo later > /home/app/note");
    const [one, two] = await Promise.all([0, 1].map(() => fixture.create({ root: { snapshot: "snap" } })));
    assert.deepEqual(await Promise.all([one!, two!].map((machine) => shell(machine, "cat /home/app/note"))), [
      "made",
      "made",
    ]);
    await shell(one!, "echo one > /home/app/note");
    assert.equal(await shell(two!, "cat /home/app/note"), "made");
    // Of a machine whose root is deleted with it: what its programs wrote so far, and again.
    for (const [snapshot, note] of [
      ["snap-one", "one"],
      ["snap-more", "more"],
    ] as const) {
      await shell(one!, `echo ${note} > /home/app/note`);
      await one!.snapshotRoot(snapshot);
      await shell(one!, "echo afterwards > /home/app/note");
      const copy = await fixture.create({ root: { snapshot } });
      assert.equal(await shell(copy, "cat /home/app/note"), note);
      await copy.destroy();
    }
    assert.equal(await shell(one!, "ls /home/app"), "note");
    await destroy(maker, one!, two!);
    const hasTemplate = async () => (await rootsWithTemplates(fixture)).includes("snapshot snap");
    for (const deadline = Date.now() + PATIENCE_MS; !(await hasTemplate()); await delay(100))
      assert.ok(Date.now() < deadline, "the snapshot's template was not built");
    const three = await fixture.create({ root: { snapshot: "snap" } });
    assert.equal(await shell(three, "cat /home/app/note"), "made");
    // The template ran the root's own program, and so did clones that wait, but not those without a template.
    assert.match(await shell(three, "cat /home/app/warmed-up"), /^(app \/home\/app\n?)+$/);
    // This one is a clone of the snapshot's template.
    await three.snapshotRoot("snap-three");
    await three.destroy();
    const four = await fixture.create({ root: { snapshot: "snap-three" } });
    assert.equal(await shell(four, "cat /home/app/note"), "made");
    await four.destroy();
    for await (const { state, detail } of fixture.host.storage.verify()) assert.equal(state, "fine", detail);
    await fixture.host.storage.remove("snap");
    assert.equal(await hasTemplate(), false);
    await assert.rejects(fixture.create({ root: { snapshot: "snap" } }), { name: "DiskError", code: "UNKNOWN_DISK" });
  });

  test("that somebody spoiled is refused with the reason, and nothing waits for it", async () => {
    const id = await volume();
    const helper = await fixture.create();
    const disk = { id: "spoiled", volume: id, readOnly: false, mount: "/mnt/root" };
    for (const [spoil, reason, repair] of [
      ["mv etc/passwd etc/p; mkfifo etc/passwd", /\/etc\/passwd: not a regular file/, "mv etc/p etc/passwd"],
      ["mv proc p; ln -s /etc proc", /\/proc is not a directory/, "rm proc; mv p proc"],
      ["mv bin b", /\/bin\/sh: /, "mv b bin"],
      ["sed -i s/^app:/other:/ etc/passwd", /no user app/, "sed -i s/^other:/app:/ etc/passwd"],
      ["rm etc/hostname; ln -s /dev/zero etc/hostname", /not a bootable root: .*symbolic/, "rm etc/hostname"],
      // The agent does not wait for this one either, and does without.
      ["mv etc/environment etc/e; mkfifo etc/environment", null, "true"],
    ] as const) {
      await helper.attach(disk);
      assert.equal((await run(helper, "sudo", "sh", "-c", `cd /mnt/root && { ${spoil}; }`)).code, 0);
      await helper.detach(disk.id);
      const created = fixture.create({ root: { volume: id } });
      if (reason) await assert.rejects(created, { name: "DiskError", code: "NOT_BOOTABLE", message: reason });
      else await destroy(await created);
      await helper.attach(disk);
      assert.equal((await run(helper, "sudo", "sh", "-c", `cd /mnt/root && { ${repair}; }`)).code, 0);
      await helper.detach(disk.id);
    }
    await helper.destroy();
  });
});
