/** Machines that are forked and paused many times: their disks' chains become long, and short again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import type { ForkedFrom } from "../../engine/engine.ts";
import { PausedMachines } from "../../machines/paused.ts";
import { pinSource } from "../../machines/source.ts";
import { ID, openComputer, spec } from "../testing/fake-computer.ts";
import { Shortening, type ShorteningOptions } from "./shortening.ts";

const scratch = mkdtempSync(join(tmpdir(), "sk-shortening-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
/** Of a disk. */
const BYTES = 64 * 1024 ** 2;
/** One more than a paused machine may have. */
const MANY = 17;

describe("with a fake engine", () => {
  const merge: ShorteningOptions["merge"] = async (target) => writeFileSync(target, "merged");

  test("a machine can be forked and paused any number of times", async () => {
    await using computer = await openComputer();
    const host = await computer.start();
    const shortening = new Shortening({ paused: host.paused, jail: "full", log: silentLogger, merge });
    let machine = await computer.run(host);
    let longest = 0;
    for (let n = 0; n < 100; n++) {
      const [child] = await host.forking.fork(machine, [{ id: `sbx_child_${n}`, owner: "cp_1", env: {}, keep: false }]);
      await child!.destroy();
      await host.pausing.pause(machine);
      longest = Math.max(longest, (await host.paused.find(ID))!.own.length);
      shortening.soon(ID);
      await shortening.idle();
      await shortening.ready(ID);
      machine = await host.pausing.resume(spec);
    }
    assert.ok(longest <= MANY + 1, String(longest));
  });

  test("one that was forked as often as can be is merged when it is resumed, although nothing was in time", async () => {
    await using computer = await openComputer();
    const host = await computer.start();
    const shortening = new Shortening({ paused: host.paused, jail: "full", log: silentLogger, merge });
    let machine = await computer.run(host);
    const fork = async (n: number) => {
      const [child] = await host.forking.fork(machine, [{ id: `sbx_child_${n}`, owner: "cp_1", env: {}, keep: false }]);
      await child!.destroy();
    };
    for (let n = 1; n < 64; n++) await fork(n);
    await assert.rejects(fork(64), { code: "NOT_FORKABLE", message: /Pause and resume it/ });
    await host.pausing.pause(machine);
    await shortening.ready(ID);
    const { own } = (await host.paused.find(ID))!;
    assert.equal(own.length, 1);
    assert.match(own[0]!, /^merged-/);
    machine = await host.pausing.resume(spec);
    await fork(64);
  });

  test("what is resumed or removed meanwhile is left alone, also if it waits for its turn", async () => {
    const { paused, pause } = await openPaused();
    for (const id of ["sbx_1", "sbx_2"]) await pause(id, MANY);
    const began = Promise.withResolvers<void>();
    const options = { paused, jail: "full", log: silentLogger, merge: endless(began.resolve) } as const;
    await using shortening = new Shortening(options);
    shortening.soon("sbx_1");
    shortening.soon("sbx_2");
    await began.promise;
    await shortening.stop("sbx_2");
    await shortening.ready("sbx_1");
    await shortening.idle();
    for (const id of ["sbx_1", "sbx_2"]) {
      const own = (await paused.find(id))!.own;
      assert.equal(own.length, MANY);
      assert.deepEqual(layersIn(paused.folder(id)), own.toSorted());
    }
  });

  test("one that takes too long to merge is resumed as it is", async () => {
    const { paused, pause } = await openPaused();
    await pause(ID, 63);
    const options = { paused, jail: "full", log: silentLogger, merge: endless(), readyMs: 50 } as const;
    await using shortening = new Shortening(options);
    await shortening.ready(ID);
    const { own } = (await paused.find(ID))!;
    assert.equal(own.length, 63);
    assert.deepEqual(layersIn(paused.folder(ID)), own.toSorted());
  });

  test("one whose disk takes too long to write what was merged, too", async () => {
    const { paused, pause } = await openPaused();
    await pause(ID, 63);
    const sync = () => new Promise<never>(() => {});
    const options = { paused, jail: "full", log: silentLogger, merge, sync, readyMs: 50 } as const;
    await using shortening = new Shortening(options);
    await shortening.ready(ID);
    const { own } = (await paused.find(ID))!;
    assert.equal(own.length, 63);
    assert.deepEqual(layersIn(paused.folder(ID)), own.toSorted());
  });

  test("what an earlier process left of merging is removed by the next start, and what it did not merge is merged", async () => {
    const { dir, paused, pause } = await openPaused();
    await pause(ID, MANY);
    const folder = paused.folder(ID);
    for (const name of ["merged-half.qcow2", "disk-old.qcow2"]) writeFileSync(join(folder, name), "");
    const next = await PausedMachines.open(dir);
    assert.deepEqual(layersIn(folder), (await next.find(ID))!.own.toSorted());
    await using shortening = new Shortening({ paused: next, jail: "full", log: silentLogger, merge });
    await shortening.catchUp();
    await shortening.idle();
    const { own } = (await next.find(ID))!;
    assert.equal(own.length, 1);
    assert.deepEqual(layersIn(folder), own);
  });
});

/** A merge that goes on until it is given up. */
function endless(began = () => {}): NonNullable<ShorteningOptions["merge"]> {
  return async (target, { signal }) => {
    writeFileSync(target, "half");
    began();
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
}

/** Names of the layers in a folder. */
const layersIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".qcow2"))
    .sort();

/** Paused machines whose disks have many layers. */
async function openPaused() {
  const dir = mkdtempSync(join(scratch, "paused-"));
  const template = mkdtempSync(join(scratch, "template-"));
  const file = (name: string) => join(template, name);
  const from: ForkedFrom = {
    template: { memory: file("memory"), state: file("state"), disk: { layer: file("layer"), empty: file("empty") } },
    root: { layers: [join(mkdtempSync(join(scratch, "image-")), "root.qcow2")], capacityBytes: BYTES },
    engine: "fake one",
  };
  for (const name of ["memory", "state", "empty"]) writeFileSync(file(name), name);
  for (const path of [file("layer"), from.root.layers[0]!]) create(path);
  io([from.root.layers[0]!], ...Array.from({ length: 32 }, (_, n) => `write -P ${n + 100} ${n}M 1M`));
  io([from.root.layers[0]!, file("layer")], ...changes(40));
  const paused = await PausedMachines.open(dir);
  const pause = async (id: string, count: number, make = (path: string) => writeFileSync(path, "")) => {
    const folder = mkdtempSync(join(scratch, "machine-"));
    const own = Array.from({ length: count }, (_, n) => `disk-${n}.qcow2`);
    for (const name of own) make(join(folder, name));
    const source = await pinSource(folder, from);
    await paused.prepare(folder, {
      ...{ id, owner: "cp_1", memoryMiB: 1_280, ownMiB: 70, method: "copy", own, image: "debian", from: source },
    });
    await paused.commit(folder, id);
  };
  return { dir, paused, pause };
}

function create(path: string): void {
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, String(BYTES)]);
}

/** Layers as qemu-img and qemu-io take them. Only the last one can be written. */
function imageOf(layers: readonly string[]): string {
  const image = layers.reduce<object | null>(
    (backing, filename) => ({ driver: "qcow2", backing, file: { driver: "file", filename } }),
    null,
  );
  return `json:${JSON.stringify(image)}`;
}

function io(layers: readonly string[], ...commands: string[]): void {
  const args = [...commands.flatMap((command) => ["-c", command]), imageOf(layers)];
  execFileSync("qemu-io", args, { stdio: "pipe" });
}

/** New data, zeros, and parts of clusters, over older ones. */
const changes = (n: number) => [
  `write -P ${n} ${n * 1536}k 192k`,
  `write -z ${(n * 7) % 30}M 300k`,
  `discard ${(n * 11) % 30}M 512k`,
  `write -P ${n + 50} ${((n * 5) % 30) * 1024 + 60}k 5k`,
  `write -P 0 ${((n * 13) % 30) * 1024}k 128k`,
];

test("the one layer of a machine has what its layers had, on the image and the template's layer", async () => {
  const { paused, pause } = await openPaused();
  await pause(ID, MANY, create);
  const layersOf = async () => {
    const { own, from } = (await paused.find(ID))!;
    return [...from.root.layers, from.template.disk!.layer, ...own.map((name) => join(paused.folder(ID), name))];
  };
  const before = await layersOf();
  for (let n = 0; n < MANY; n++) io(before.slice(0, n + 3), ...changes(n));
  const kept = mkdtempSync(join(scratch, "kept-"));
  const copies = before.map((path, n) => (execFileSync("cp", [path, join(kept, String(n))]), join(kept, String(n))));
  await using shortening = new Shortening({ paused, jail: "full", log: silentLogger });
  shortening.soon(ID);
  await shortening.idle();
  const now = await layersOf();
  assert.equal(now.length, 3);
  const compared = execFileSync("qemu-img", ["compare", imageOf(copies), imageOf(now)], { encoding: "utf8" });
  assert.match(compared, /identical/);
  assert.doesNotMatch(execFileSync("qemu-img", ["info", now[2]!], { encoding: "utf8" }), /backing/);
  assert.deepEqual(
    layersIn(paused.folder(ID)).map((name) => join(paused.folder(ID), name)),
    [now[2]],
  );
});

test("only what its layers have is read", async () => {
  const { paused, pause } = await openPaused();
  await pause(ID, MANY, create);
  const { own, from } = (await paused.find(ID))!;
  const base = [...from.root.layers, from.template.disk!.layer];
  io([...base, join(paused.folder(ID), own[0]!)], "write -P 1 5M 1M");
  damage(base[0]!, 31 * 1024 ** 2);
  assert.throws(() => io([...base, join(paused.folder(ID), own[1]!)], "read 31M 64k"));
  await using shortening = new Shortening({ paused, jail: "full", log: silentLogger });
  shortening.soon(ID);
  await shortening.idle();
  assert.equal((await paused.find(ID))!.own.length, 1);
});

/** Makes a layer unreadable at one place (docs/interop/qcow2.txt in QEMU's source). */
function damage(path: string, offset: number): void {
  const bytes = readFileSync(path);
  const levelOne = Number(bytes.readBigUInt64BE(40));
  const levelTwo = Number(bytes.readBigUInt64BE(levelOne) & 0x00fffffffffffe00n);
  const entry = levelTwo + (offset / 65_536) * 8;
  // No cluster begins here.
  bytes.writeBigUInt64BE(bytes.readBigUInt64BE(entry) | 0x200n, entry);
  writeFileSync(path, bytes);
}
