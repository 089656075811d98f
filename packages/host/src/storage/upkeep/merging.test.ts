/** Chains of layers that become long, and short again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { Catalogue } from "../catalogue.ts";
import type { LiveVolume } from "../holders.ts";
import type { LocalStorage } from "../local-storage.ts";
import { disturbed } from "../testing/disturbed.ts";
import { IMAGE, imageOf, layerFiles, layerPath, openStorage, recordOf } from "../testing/opened-storage.ts";

const root = mkdtempSync(join(tmpdir(), "sk-merging-"));
after(() => rmSync(root, { recursive: true, force: true }));
const newDir = () => mkdtempSync(join(root, "d-"));
const MIB = 1024 ** 2;
/** One more than a volume may have between its image and its own. */
const MANY = 17;

function io(image: string, ...commands: string[]): void {
  execFileSync("qemu-io", [...commands.flatMap((command) => ["-c", command]), image], { stdio: "pipe" });
}

/** Makes an image of which every MiB has another byte. */
function makeImage(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, "root.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, String(IMAGE.bytes)]);
  io(path, ...Array.from({ length: 32 }, (_, n) => `write -P ${n + 100} ${n}M 1M`));
}

/** What a machine does between two snapshots: new data, zeros, and parts of clusters, over the image's and older ones. */
const changes = (n: number) => [
  `write -P ${n} ${n * 1536}k 192k`,
  `write -z ${(n * 7) % 30}M 300k`,
  `discard ${(n * 11) % 30}M 512k`,
  `write -P ${n + 50} ${((n * 5) % 30) * 1024 + 60}k 5k`,
  `write -P 0 ${((n * 13) % 30) * 1024}k 128k`,
];

async function snapshots(dir: string, storage: LocalStorage, count: number, first = 0): Promise<void> {
  for (let n = first; n < first + count; n++) {
    io(imageOf(dir, recordOf(dir, "vol").layers), ...changes(n));
    await storage.snapshotVolume("vol", `s${n}`);
  }
}

const compare = (one: string, other: string) =>
  execFileSync("qemu-img", ["compare", "-U", one, other], { stdio: "pipe", encoding: "utf8" });

for (const [what, bytes, from] of [
  ["made from an image", IMAGE.bytes, { from: { image: IMAGE.id } }],
  ["of its own", 40 * MIB, {}],
] as const) {
  describe(`a volume ${what} with many snapshots`, () => {
    test("gets one layer instead of theirs, with the same content, and they keep what they have", async () => {
      const dir = newDir();
      makeImage(dir);
      const storage = await openStorage(dir);
      await storage.createVolume({ id: "vol", capacityBytes: bytes, ...from });
      await snapshots(dir, storage, MANY - 4);
      // Layers of several sizes.
      await storage.grow("vol", 80 * MIB);
      await snapshots(dir, storage, 5, MANY - 4);
      await storage.idle();
      const last = recordOf(dir, `s${MANY}`).layers;
      const merged = recordOf(dir, "vol").layers;
      const base = from.from ? 1 : 0;
      assert.equal(merged.slice(0, base).join(), last.slice(0, base).join());
      assert.ok(merged.length <= base + 3, String(merged.length));
      assert.ok(last.length > MANY);
      assert.match(compare(imageOf(dir, last), imageOf(dir, merged.slice(0, -1))), /identical/);
      for await (const { disk, state, detail } of storage.verify()) assert.equal(state, "fine", `${disk}: ${detail}`);
      // It goes on as before.
      await snapshots(dir, storage, 1, 30);
      const header = execFileSync("qemu-img", ["info", layerPath(dir, merged[base]!)], { encoding: "utf8" });
      assert.doesNotMatch(header, /backing/);
    });

    test("takes no more space than its content once they are removed", async () => {
      const dir = newDir();
      makeImage(dir);
      const storage = await openStorage(dir);
      await storage.createVolume({ id: "vol", capacityBytes: bytes, ...from });
      await snapshots(dir, storage, MANY);
      await storage.idle();
      for (const id of await storage.list()) if (id !== "vol") await storage.remove(id);
      assert.deepEqual(
        layerFiles(dir).sort(),
        recordOf(dir, "vol")
          .layers.map((name) => `${name}.qcow2`)
          .sort(),
      );
      assert.equal(recordOf(dir, "vol").layers.length, from.from ? 3 : 2);
    });
  });
}

describe("layers", () => {
  test("are merged or not when the process ends at any step, and nothing else is lost", async () => {
    const before = newDir();
    makeImage(before);
    const storage = await openStorage(before);
    await storage.createVolume({ id: "vol", capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } });
    // Until the next start nothing is merged.
    await storage[Symbol.asyncDispose]();
    await snapshots(before, storage, MANY);
    let steps = 0;
    for (; ; steps++) {
      const dir = newDir();
      cpSync(before, dir, { recursive: true });
      const first = await openStorage(dir);
      await disturbed("kill", steps, async () => {
        await first.release("vol", "sbx", true);
        await first.idle();
      });
      const next = await openStorage(dir);
      const known = new Set(
        (await next.list()).flatMap((id) => recordOf(dir, id).layers.map((name) => `${name}.qcow2`)),
      );
      assert.deepEqual(layerFiles(dir).sort(), [...known].sort(), `step ${steps}`);
      const { layers } = recordOf(dir, "vol");
      const last = recordOf(dir, `s${MANY - 1}`).layers;
      assert.match(compare(imageOf(dir, last), imageOf(dir, layers)), /identical/);
      rmSync(dir, { recursive: true });
      if (layers.length === 3) break;
    }
    assert.ok(steps > 5, String(steps));
  });

  test("of a volume that a machine has are merged when it gives the volume back", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
    let depth = 0;
    const live: LiveVolume = {
      depth: async () => depth,
      addLayer: async (_, __, prepared) => {
        await prepared();
        depth++;
      },
      resize: async () => {},
    };
    const open = async ({ layers }: { layers: string[] }) => {
      depth = layers.length;
      return live;
    };
    await storage.attach("vol", { machine: "sbx", readOnly: false, open });
    for (let n = 0; n < MANY; n++) await storage.snapshotVolume("vol", `s${n}`);
    await storage.idle();
    assert.equal(recordOf(dir, "vol").layers.length, MANY + 1);
    await storage.detach("vol", "sbx", async () => {});
    await storage.idle();
    assert.equal(recordOf(dir, "vol").layers.length, 2);
    // While a machine has it, there are as many as it can open.
    await storage.attach("vol", { machine: "sbx", readOnly: false, open });
    const refused = { name: "DiskError", code: "TOO_MANY_LAYERS", message: /48 layers/ };
    for (let n = 2; n < 48; n++) await storage.snapshotVolume("vol", `t${n}`);
    await assert.rejects(storage.snapshotVolume("vol", "over"), refused);
    assert.equal(depth, 48);
    // Nobody has this one, so it can have more soon.
    await storage.createVolume({ id: "copy", capacityBytes: 32 * MIB, from: { snapshot: "t47" } });
    await assert.rejects(storage.snapshotVolume("copy", "c"), { ...refused, message: /merged in the background/ });
    await storage.idle();
    await storage.snapshotVolume("copy", "c");
  });

  test("that an earlier process did not merge are merged after a start, but for those of a volume that a machine has", async () => {
    const dir = newDir();
    const before = await openStorage(dir);
    await before.createVolume({ id: "vol", capacityBytes: 32 * MIB });
    await before[Symbol.asyncDispose]();
    await snapshots(dir, before, MANY);
    await before.createVolume({ id: "held", capacityBytes: 32 * MIB, from: { snapshot: `s${MANY - 1}` } });
    const storage = await openStorage(dir);
    storage.reserve("held", { machine: "sbx", readOnly: false });
    storage.resumeMerging();
    await storage.idle();
    assert.deepEqual(
      ["vol", "held"].map((id) => recordOf(dir, id).layers.length),
      [2, MANY + 1],
    );
  });

  test("are merged at once for all volumes that have them, but for one that a machine has", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    const live: LiveVolume = {
      depth: async () => MANY,
      addLayer: (_, __, prepared) => prepared(),
      resize: async () => {},
    };
    const held = { machine: "sbx", readOnly: true, open: async () => live };
    await storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
    await snapshots(dir, storage, MANY - 1);
    await storage.attach("vol", { ...held, readOnly: false });
    await storage.snapshotVolume("vol", "last");
    for (const id of ["copy", "held"])
      await storage.createVolume({ id, capacityBytes: 32 * MIB, from: { snapshot: "last" } });
    await storage.attach("held", held);
    await storage.detach("vol", "sbx", async () => {});
    await storage.idle();
    const layers = ["vol", "copy", "held"].map((id) => recordOf(dir, id).layers);
    assert.deepEqual(
      layers.map(({ length }) => length),
      [2, 2, MANY + 1],
    );
    assert.equal(layers[0]![0], layers[1]![0]);
  });

  test("stop being merged when the host is closed", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
    await snapshots(dir, storage, MANY);
    await storage[Symbol.asyncDispose]();
    const layers = recordOf(dir, "vol").layers.length;
    await storage.snapshotVolume("vol", "late");
    await storage.idle();
    assert.equal(recordOf(dir, "vol").layers.length, layers + 1);
  });

  test("are not merged if one of them is of a larger device than the volume: a machine may have been taken over", async () => {
    // One in the middle, and the last one, which says how large the merged one is.
    for (const forged of [5, MANY - 1]) {
      const dir = newDir();
      const before = await openStorage(dir);
      await before.createVolume({ id: "vol", capacityBytes: 32 * MIB });
      await before[Symbol.asyncDispose]();
      await snapshots(dir, before, MANY);
      const path = layerPath(dir, recordOf(dir, "vol").layers[forged]!);
      chmodSync(path, 0o600);
      execFileSync("qemu-img", ["resize", "-q", "-f", "qcow2", path, "1G"]);
      const warnings: unknown[] = [];
      const storage = await openStorage(dir, {
        ...silentLogger,
        warn: (fields: unknown) => void warnings.push(fields),
      });
      await storage.release("vol", "sbx", true);
      await storage.idle();
      assert.equal(recordOf(dir, "vol").layers.length, MANY + 1);
      assert.match(JSON.stringify(warnings), /more than the disk's/);
    }
  });

  test("are merged although a snapshot failed before it froze one of them", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
    await snapshots(dir, storage, MANY - 1);
    let depth = MANY;
    const live: LiveVolume = {
      depth: async () => depth,
      addLayer: async (_, __, prepared) => {
        await prepared();
        depth++;
      },
      resize: async () => {},
    };
    await storage.attach("vol", { machine: "sbx", readOnly: false, open: async () => live });
    await storage.snapshotVolume("vol", "last");
    chmodSync(layerPath(dir, recordOf(dir, "vol").layers[MANY - 1]!), 0o600);
    await storage.detach("vol", "sbx", async () => {});
    await storage.idle();
    assert.equal(recordOf(dir, "vol").layers.length, 2);
  });

  test("of a machine's root are merged before its snapshot would have very many", async () => {
    const dir = newDir();
    makeImage(dir);
    const storage = await openStorage(dir);
    const files = Array.from({ length: 34 }, (_, n) => join(dir, `own-${n}.qcow2`));
    for (const [n, file] of files.entries()) {
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file, String(IMAGE.bytes)]);
      io(file, `write -P ${n} ${n}M 64k`);
    }
    const image = join(dir, "root.qcow2");
    const disk = { image: IMAGE.id, capacityBytes: IMAGE.bytes, freeze: async () => {} };
    await storage.keepRoot("short", { ...disk, layers: [image, ...files.slice(0, 20)] });
    assert.equal(recordOf(dir, "short").layers.length, 21);
    await storage.keepRoot("long", { ...disk, layers: [image, ...files] });
    assert.equal(recordOf(dir, "long").layers.length, 2);
    const whole = [image, ...files].reduce<object | null>(
      (backing, filename) => ({ driver: "qcow2", backing, file: { driver: "file", filename } }),
      null,
    );
    assert.match(compare(`json:${JSON.stringify(whole)}`, imageOf(dir, recordOf(dir, "long").layers)), /identical/);
  });
});

test("a record that could not be read again is not written", async () => {
  const dir = newDir();
  const catalogue = await Catalogue.open(dir);
  const record = { format: 1, kind: "volume", capacityBytes: 32 * MIB, bootable: false, unclean: false } as const;
  const names = (count: number) => Array.from({ length: count }, (_, n) => String(n).padStart(32, "0"));
  await assert.rejects(catalogue.put("vol", { ...record, layers: names(1_025) }));
  assert.equal((await Catalogue.open(dir)).find("vol"), undefined);
  await catalogue.put("vol", { ...record, layers: names(1_024) });
  assert.equal((await Catalogue.open(dir)).find("vol")?.layers.length, 1_024);
});
