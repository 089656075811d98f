/** Volumes that tell of others, and volumes with anything on them: a guest is root, and its monitor may be taken over. */
import assert from "node:assert/strict";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Random } from "@sandkeep/egress/testing";
import { GuestError, type Machine } from "@sandkeep/host";
import { shell } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

const MIB = 1024 ** 2;
const CAPACITY_BYTES = 32 * MIB;
const MARK = "data of a volume that was removed";
/** File systems that are damaged at random. */
const DAMAGED = 8;
const SEED = 9;
/** Where an ext4 file system has its magic number, in bytes. */
const MAGIC_AT = 1_080;

describe("a volume", () => {
  let fixture: HostFixture;
  let machine: Machine;
  before(async () => {
    fixture = await HostFixture.open();
    machine = await fixture.create();
  });
  after(() => fixture[Symbol.asyncDispose]());

  const diskOf = (volume: string, readOnly = false) => ({ id: volume, volume, readOnly, mount: `/mnt/${volume}` });
  const create = (id: string, from?: { snapshot: string }) =>
    fixture.host.storage.createVolume({ id, capacityBytes: CAPACITY_BYTES, ...(from && { from }) });
  const deviceOf = (volume: string, on = machine) => shell(on, `findmnt -no SOURCE /mnt/${volume}`);
  /** How often the mark is anywhere on a volume's device. */
  const marks = async (volume: string, on = machine) =>
    Number(await shell(on, `sudo LC_ALL=C grep -a -F -o '${MARK}' ${await deviceOf(volume, on)} | wc -l`));
  /** The file of a volume's own layer. */
  const layerOf = async (volume: string): Promise<string> => {
    const record = await readFile(join(fixture.dataDir, "disks", "records", `${volume}.json`), "utf8");
    return join(
      fixture.dataDir,
      "disks",
      "layers",
      `${(JSON.parse(record) as { layers: string[] }).layers.at(-1)}.qcow2`,
    );
  };

  test("has nothing of one that was removed, wherever root in a machine looks", async () => {
    const { storage } = fixture.host;
    await create("old");
    await machine.attach(diskOf("old"));
    await shell(machine, `yes '${MARK}' | head -c 2M > /mnt/old/secret; sync`);
    await storage.snapshotVolume("old", "snap");
    assert.ok((await marks("old")) > 10_000);
    await create("copy", { snapshot: "snap" });
    await machine.attach(diskOf("copy"));
    assert.ok((await marks("copy")) > 10_000);
    for (const id of ["old", "copy"]) await machine.detach(id);
    for (const id of ["old", "copy", "snap"]) await storage.remove(id);

    const other = await fixture.create();
    for (const [id, on] of [
      ["new-1", machine],
      ["new-2", other],
    ] as const) {
      await create(id);
      await on.attach(diskOf(id));
      assert.equal(await marks(id, on), 0);
      await storage.grow(id, 2 * CAPACITY_BYTES);
      assert.equal(await marks(id, on), 0);
      await on.detach(id);
      await on.attach(diskOf(id, true));
      assert.equal(await marks(id, on), 0);
      await on.detach(id);
      await storage.remove(id);
    }
    await other.destroy();
  });

  test("whose monitor wrote another file's name or wrong tables to it shows nothing of the computer", async () => {
    const { storage } = fixture.host;
    const victim = join(fixture.dataDir, "victim");
    await writeFile(victim, "the computer's own ".repeat(10_000));
    const crafted: Record<string, (header: Buffer) => void> = {
      backing: (header) => {
        header.writeBigUInt64BE(512n, 8);
        header.writeUInt32BE(Buffer.byteLength(victim), 16);
        header.write(victim, 512);
      },
      "data-file": (header) => {
        header.writeBigUInt64BE(4n, 72);
        // The header's extension with the name of the file with the data.
        header.writeUInt32BE(0x44415441, 104);
        header.writeUInt32BE(Buffer.byteLength(victim), 108);
        header.write(victim, 112);
      },
      raw: (header) => void header.fill(0, 0, 104),
      size: (header) => header.writeBigUInt64BE(2n ** 62n, 24),
      "l1-outside": (header) => header.writeBigUInt64BE(2n ** 48n, 40),
      "l1-on-header": (header) => header.writeBigUInt64BE(0n, 40),
      "refcounts-outside": (header) => header.writeBigUInt64BE(2n ** 48n, 48),
      "small-clusters": (header) => header.writeUInt32BE(9, 20),
      snapshots: (header) => header.writeUInt32BE(60_000, 60),
    };
    for (const [id, craft] of Object.entries(crafted)) {
      await create(id);
      const before = await layerOf(id);
      const header = Buffer.alloc(1_024);
      {
        await using file = await open(before, "r+");
        await file.read(header, 0, header.length, 0);
        craft(header);
        await file.write(header, 0, header.length, 0);
      }
      const outcome = await machine.attach(diskOf(id)).then(
        () => "attached",
        (error: Error & { code?: string }) => error.code ?? error.name,
      );
      assert.match(outcome, /^(attached|DAMAGED_DISK|GuestError|QmpError)$/, id);
      if (outcome === "attached") {
        const device = await deviceOf(id);
        assert.equal(await shell(machine, `sudo grep -a -c "the computer's own" ${device}`), "0", id);
        await machine.detach(id, { force: true });
      }
      const finding = (await Array.fromAsync(storage.verify())).find(({ disk }) => disk === id);
      assert.ok(
        finding && (outcome === "attached" || finding.state === "damaged"),
        `${id}: ${outcome}, ${finding?.state}`,
      );
      await storage.remove(id);
    }
    assert.equal(await shell(machine, "echo fine"), "fine");
    assert.deepEqual(await storage.list(), []);
  });

  test("with any file system on it is mounted or refused, and disturbs nobody", async () => {
    const { storage } = fixture.host;
    const random = new Random(SEED);
    const bystander = await fixture.create();
    await create("healthy");
    await bystander.attach(diskOf("healthy"));
    const outcomes: string[] = [];
    for (let n = 0; n < DAMAGED; n++) {
      const id = `damaged-${n}`;
      await create(id);
      await machine.attach(diskOf(id));
      // The superblock, group descriptors, bitmaps and inode tables are among the first blocks. The first volume loses its magic number.
      const device = await deviceOf(id);
      const places = Array.from({ length: random.between(1, 6) }, () => random.between(1_024, 400_000));
      const writes = [...(n === 0 ? [MAGIC_AT] : []), ...places].map((at) => {
        const bytes = Buffer.from(Array.from({ length: random.between(2, 64) }, () => random.between(0, 255)));
        return `echo ${bytes.toString("base64")} | base64 -d | dd of=${device} bs=1 seek=${at} conv=notrunc status=none`;
      });
      await shell(machine, `mkdir /mnt/${id}/etc; ln -s / /mnt/${id}/link; sudo umount /mnt/${id}`);
      await shell(machine, `sudo bash -c '${writes.join("; ")}; sync'`);
      await machine.detach(id);
      const outcome = await machine.attach(diskOf(id)).then(
        () => "mounted",
        (error) => {
          assert.ok(error instanceof GuestError, String(error));
          return "refused";
        },
      );
      outcomes.push(outcome);
      if (outcome === "mounted") {
        // What programs and the host do with a volume fails or succeeds, and ends.
        await shell(machine, `ls -lR /mnt/${id} > /dev/null 2>&1; echo x > /mnt/${id}/x`);
        await storage.snapshotVolume(id, `snap-${n}`).catch(() => {});
        await storage.grow(id, 2 * CAPACITY_BYTES).catch(() => {});
        await machine.detach(id, { force: true });
      }
    }
    assert.equal(await shell(bystander, "echo fine > /mnt/healthy/note && cat /mnt/healthy/note"), "fine");
    await bystander.destroy();
    for await (const { disk, state, detail } of storage.verify()) assert.equal(state, "fine", `${disk}: ${detail}`);
    assert.equal(outcomes[0], "refused");
    assert.ok(outcomes.includes("mounted"), `${outcomes}`);
    for (const id of await storage.list()) await storage.remove(id);
    assert.equal(await shell(machine, "echo lives"), "lives");
  });
});
