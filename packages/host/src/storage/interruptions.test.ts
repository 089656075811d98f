/** Operations that are interrupted at each of their steps, and long random sequences of them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fc, property } from "@sandkeep/egress/testing";
import type { Storage } from "../contract.ts";
import { disturbed } from "./testing/disturbed.ts";
import { IMAGE, layerFiles, openStorage } from "./testing/opened-storage.ts";

const root = mkdtempSync(join(tmpdir(), "sk-interrupted-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MIB = 1024 ** 2;
/** More than any operation has. */
const MAX_STEPS = 100;

type Layers = Record<string, { kind: string; layers: string[] }>;

/** Checks what must hold at any time, on disk. */
async function assertSound(dir: string, storage: Storage): Promise<Layers> {
  const disks: Layers = {};
  for (const id of await storage.list())
    disks[id] = JSON.parse(readFileSync(join(dir, "disks", "records", `${id}.json`), "utf8"));
  const all = Object.values(disks);
  const files = new Set(all.flatMap(({ layers }) => layers.map((name) => `${name}.qcow2`)));
  assert.deepEqual(layerFiles(dir).sort(), [...files].sort(), "no layer is missing, and none is left over");
  for (const { kind, layers } of all) {
    if (kind !== "volume") continue;
    const own = layers.at(-1)!;
    assert.equal(
      all.filter((other) => other.layers.includes(own)).length,
      1,
      "a layer that is written belongs to one volume",
    );
  }
  return disks;
}

/** What is on a disk. */
function contentOf(dir: string, layers: string[]): string {
  const file = (name: string) => join(dir, "disks", "layers", `${name}.qcow2`);
  const image = layers.reduce<object | null>(
    (backing, name) => ({ driver: "qcow2", backing, file: { driver: "file", filename: file(name) } }),
    null,
  );
  return execFileSync("qemu-io", ["-r", "-c", "read -v 1M 512", `json:${JSON.stringify(image)}`], { encoding: "utf8" })
    .split("\n")
    .filter((line) => /^[0-9a-f]{8}:/.test(line))
    .join("\n");
}

/** Writes to a detached volume, as a machine would. */
function write(dir: string, layers: string[], pattern: number): void {
  const top = join(dir, "disks", "layers", `${layers.at(-1)}.qcow2`);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", `write -P ${pattern} 1M 512`, top], { stdio: "pipe" });
}

const operations: [string, (storage: Storage) => Promise<unknown>][] = [
  ["creating a volume", (storage) => storage.createVolume({ id: "new", capacityBytes: 32 * MIB })],
  [
    "creating a volume from an image",
    (storage) => storage.createVolume({ id: "new", capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } }),
  ],
  [
    "creating a volume from a snapshot",
    (storage) => storage.createVolume({ id: "new", capacityBytes: 32 * MIB, from: { snapshot: "snap" } }),
  ],
  ["making a snapshot", (storage) => storage.snapshotVolume("vol_1", "new")],
  ["growing", (storage) => storage.grow("vol_1", 64 * MIB)],
  ["removing a volume", (storage) => storage.remove("vol_1")],
  ["removing a snapshot", (storage) => storage.remove("snap")],
];

describe("an operation that is interrupted at any step", () => {
  const before = join(root, "before");
  const prepared = (async () => {
    const storage = await openStorage(before);
    await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    write(before, (await assertSound(before, storage)).vol_1!.layers, 1);
    await storage.snapshotVolume("vol_1", "snap");
    write(before, (await assertSound(before, storage)).vol_1!.layers, 2);
  })();

  for (const [name, operation] of operations) {
    for (const how of ["kill", "full"] as const) {
      test(`${name}, by ${how === "kill" ? "the end of the process" : "a full disk"}: happened or not, and nothing else is touched`, async () => {
        await prepared;
        let interrupted = 0;
        for (let at = 0; at < MAX_STEPS; at++) {
          const dir = join(root, `${name}-${how}-${at}`);
          cpSync(before, dir, { recursive: true });
          const first = await openStorage(dir);
          const error = await disturbed(how, at, () => operation(first));
          if (error) interrupted++;
          if (how === "full" && error)
            assert.equal((error as Error & { code?: string }).code, "NO_SPACE", String(error));
          const storage = await openStorage(dir);
          const disks = await assertSound(dir, storage);
          if (disks.snap) assert.match(contentOf(dir, disks.snap.layers), /01 01 01/);
          if (disks.vol_1) assert.match(contentOf(dir, disks.vol_1.layers), /02 02 02/);
          if (disks.new?.kind === "snapshot") assert.match(contentOf(dir, disks.new.layers), /02 02 02/);
          // It can be done again.
          if (!(await storage.list()).includes("new")) await operation(storage);
          await assertSound(dir, storage);
          rmSync(dir, { recursive: true });
          if (!error) break;
        }
        assert.ok(interrupted > 0);
      });
    }
  }
});

test("after a full disk, a storage goes on as one that was just opened", async () => {
  const dir = join(root, "full");
  const storage = await openStorage(dir);
  await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
  for (let at = 0; ; at++) {
    const error = await disturbed("full", at, () => storage.snapshotVolume("vol_1", `snap_${at}`));
    if (!error) break;
    await storage.createVolume({ id: `vol_${at + 2}`, capacityBytes: 32 * MIB });
  }
  const disks = (await storage.list()).sort();
  await assertSound(dir, await openStorage(dir));
  assert.deepEqual((await storage.list()).sort(), disks);
});

type Command =
  | { do: "create"; id: number; from: number | null }
  | { do: "snapshot"; volume: number; id: number }
  | { do: "write"; volume: number; pattern: number }
  | { do: "grow" | "remove"; id: number; volume: boolean }
  | { do: "restart" };

const id = fc.nat(2);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant("create" as const), id, from: fc.option(id, { freq: 2 }) }),
  fc.record({ do: fc.constant("snapshot" as const), volume: id, id }),
  fc.record({ do: fc.constant("write" as const), volume: id, pattern: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ do: fc.constantFrom("grow" as const, "remove" as const), id, volume: fc.boolean() }),
  fc.record({ do: fc.constant("restart" as const) }),
);

test("whatever is done in whatever order, disks have what was written to them, and no file is left over", () =>
  property(
    [fc.array(command, { minLength: 10, maxLength: 40 })],
    async (commands) => {
      const dir = mkdtempSync(join(root, "p-"));
      let storage = await openStorage(dir);
      let size = 32 * MIB;
      /** What each disk must contain: the byte that was written, 0 for none. */
      const model = new Map<string, number>();
      for (const step of commands) {
        const disks = await assertSound(dir, storage);
        const attempt = async (action: () => Promise<unknown>, then: () => void) => {
          try {
            await action();
            then();
          } catch (error) {
            assert.equal((error as Error).name, "DiskError", String(error));
          }
        };
        if (step.do === "restart") storage = await openStorage(dir);
        else if (step.do === "create") {
          const from = step.from === null ? null : `s${step.from}`;
          await attempt(
            () =>
              storage.createVolume({
                id: `v${step.id}`,
                capacityBytes: size,
                ...(from && { from: { snapshot: from } }),
              }),
            () => model.set(`v${step.id}`, from ? model.get(from)! : 0),
          );
        } else if (step.do === "snapshot") {
          const volume = `v${step.volume}`;
          await attempt(
            () => storage.snapshotVolume(volume, `s${step.id}`),
            () => model.set(`s${step.id}`, model.get(volume)!),
          );
        } else if (step.do === "write") {
          const disk = disks[`v${step.volume}`];
          if (disk?.kind !== "volume") continue;
          write(dir, disk.layers, step.pattern);
          model.set(`v${step.volume}`, step.pattern);
        } else if (step.do === "grow") {
          size += MIB;
          await attempt(
            () => storage.grow(`${step.volume ? "v" : "s"}${step.id}`, size),
            () => {},
          );
        } else
          await attempt(
            () => storage.remove(`${step.volume ? "v" : "s"}${step.id}`),
            () => model.delete(`${step.volume ? "v" : "s"}${step.id}`),
          );
      }
      const disks = await assertSound(dir, storage);
      assert.deepEqual(Object.keys(disks).sort(), [...model.keys()].sort());
      for (const [id, pattern] of model) {
        const byte = pattern.toString(16).padStart(2, "0");
        if (pattern > 0) assert.match(contentOf(dir, disks[id]!.layers), new RegExp(`: +(?:${byte} ?)+`), id);
      }
      for await (const { state, detail } of storage.verify()) assert.equal(state, "fine", detail);
      rmSync(dir, { recursive: true });
    },
    { runs: 15 },
  ));
