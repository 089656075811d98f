/** Slots of a real QEMU whose processors never start. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Qmp } from "../qmp.ts";
import { FilePasser } from "./file-passer.ts";
import { passFiles } from "./pass-files.ts";
import { driveArguments, QemuSlots } from "./slots.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-slots-"));
const MIB = 1024 ** 2;
let count = 0;
const running: ChildProcess[] = [];
const passer = new FilePasser();
after(async () => {
  await passer[Symbol.asyncDispose]();
  for (const child of running) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

async function start() {
  const name = join(dir, String(count++));
  const monitors = ["qmp", "files"].flatMap((id) => [
    "-chardev",
    `socket,id=${id},path=${name}.${id},server=on,wait=off`,
    "-mon",
    `chardev=${id},mode=control`,
  ]);
  const machine = ["-M", "microvm,acpi=on,pcie=off,usb=off", "-nodefaults", "-display", "none", "-S", "-m", "64"];
  const child = spawn("qemu-system-x86_64", [...machine, ...driveArguments([]), ...monitors], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  running.push(child);
  while (!existsSync(`${name}.files`)) await delay(5);
  const qmp = await Qmp.connect(`${name}.qmp`);
  const execute = qmp.execute.bind(qmp);
  let allowed = 0;
  const slots = new QemuSlots({
    qmp,
    give: (files) => passFiles(passer, `${name}.files`, files),
    allowDisk: async (bytes) => void (allowed = bytes),
    kill: () => child.kill("SIGKILL"),
  });
  const nodes = async () =>
    ((await qmp.execute("query-named-block-nodes")) as { "node-name": string; ro: boolean }[])
      .filter((node) => node["node-name"].startsWith("vol"))
      .map((node) => `${node["node-name"]}${node.ro ? " ro" : ""}`)
      .sort();
  return {
    slots,
    nodes,
    sets: async () => ((await qmp.execute("query-fdsets")) as { "fdset-id": number }[]).length,
    allowed: () => allowed,
    /** No such command is sent until {@link proceed}, as if the server was killed before it. Resolves when there was one. */
    interrupt: (command: string) =>
      new Promise<void>((resolve) => {
        qmp.execute = (name, args) => (name === command ? (resolve(), new Promise(() => {})) : execute(name, args));
      }),
    proceed: () => void (qmp.execute = execute),
    /** How the process has opened a file: access modes of its descriptors. */
    opened: (path: string) =>
      readdirSync(`/proc/${child.pid}/fd`)
        .filter((fd) => readlinkSync(`/proc/${child.pid}/fd/${fd}`) === path)
        .map((fd) => Number(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/fdinfo/${fd}`, "utf8"))![1]) & 3),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

function layer(bytes = 8 * MIB): string {
  const path = join(dir, `${count++}.qcow2`);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, String(bytes)]);
  return path;
}

/** A process that was taken over: it answers each command with what the test says. */
function takenOver(answer: (command: string) => unknown, timeoutMs?: number) {
  const commands: string[] = [];
  const { promise: killed, resolve: kill } = Promise.withResolvers<void>();
  const execute = async (command: string): Promise<unknown> => {
    commands.push(command);
    return await Promise.race([answer(command), killed.then(() => Promise.reject(new Error("QEMU ended.")))]);
  };
  const nothing = async () => {};
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  return { commands, slots: new QemuSlots({ qmp: { execute }, give: nothing, allowDisk: nothing, kill, ...limit }) };
}

const size = (path: string) =>
  JSON.parse(execFileSync("qemu-img", ["info", "--output=json", path], { encoding: "utf8" }));

describe("a slot", () => {
  test("takes a disk and gives it back, again and again, and leaves nothing open", async () => {
    await using qemu = await start();
    const layers = [layer(), layer(), layer()];
    for (let turn = 0; turn < 3; turn++) {
      assert.equal(await qemu.slots.depth(5), 0);
      await qemu.slots.plug(5, { layers, bytes: 8 * MIB });
      assert.equal(await qemu.slots.depth(5), 3);
      assert.deepEqual(await qemu.nodes(), ["vol5-0 ro", "vol5-1 ro", "vol5-2"]);
      // Only the last layer was opened to be written.
      assert.ok(layers.slice(0, 2).every((path) => qemu.opened(path).every((mode) => mode === 0)));
      assert.ok(qemu.opened(layers[2]!).includes(2));
      await qemu.slots.unplug(5);
      assert.deepEqual([await qemu.nodes(), await qemu.sets()], [[], 0]);
    }
    await qemu.slots.unplug(5);
  });

  test("gives only its last layer back, and takes another disk on the others", async () => {
    await using qemu = await start();
    assert.equal(await qemu.slots.vacate(4), 0);
    const [bottom, middle, top, other] = [layer(), layer(), layer(), layer()];
    await qemu.slots.plug(4, { layers: [bottom, middle, top], bytes: 8 * MIB });
    assert.equal(await qemu.slots.vacate(4), 2);
    assert.deepEqual([await qemu.slots.depth(4), await qemu.nodes()], [0, ["vol4-0 ro", "vol4-1 ro"]]);
    assert.deepEqual(qemu.opened(top), []);
    // What was the last one can be below another one now.
    await qemu.slots.plug(4, { layers: [bottom, middle, top, other], bytes: 8 * MIB, open: 2 });
    assert.equal(await qemu.slots.depth(4), 4);
    assert.deepEqual(await qemu.nodes(), ["vol4-0 ro", "vol4-1 ro", "vol4-2 ro", "vol4-3"]);
    assert.ok(qemu.opened(top).every((mode) => mode === 0));
    await qemu.slots.unplug(4);
    assert.deepEqual([await qemu.nodes(), await qemu.sets()], [[], 0]);
  });

  test("gets its disk when that is ready to be written, and not if it never is", async () => {
    await using qemu = await start();
    const [bottom, top] = [layer(), layer()];
    const { promise: ready, resolve } = Promise.withResolvers<void>();
    const plugged = qemu.slots.plug(0, { layers: [bottom, top], bytes: 16 * MIB, ready });
    while ((await qemu.nodes()).length < 2) await delay(5);
    assert.deepEqual([await qemu.slots.depth(0), readFileSync(top).equals(readFileSync(bottom))], [0, true]);
    resolve();
    await plugged;
    assert.equal(await qemu.slots.depth(0), 2);
    const never = Promise.withResolvers<void>();
    const refused = assert.rejects(qemu.slots.plug(1, { layers: [layer()], ready: never.promise }), /disk is full/);
    never.reject(new Error("the disk is full"));
    await refused;
    assert.deepEqual([await qemu.slots.depth(1), await qemu.nodes()], [0, ["vol0-0 ro", "vol0-1"]]);
  });

  test("has the same layer as another one below its own, and no layer that another machine writes", async () => {
    await using qemu = await start();
    await using other = await start();
    const shared = layer();
    const [one, two] = [layer(), layer()];
    await qemu.slots.plug(0, { layers: [shared, one], bytes: 8 * MIB });
    await qemu.slots.plug(7, { layers: [shared, two], bytes: 8 * MIB });
    await assert.rejects(other.slots.plug(0, { layers: [shared, one], bytes: 8 * MIB }), /lock/);
    assert.deepEqual([await other.slots.depth(0), await other.nodes(), await other.sets()], [0, [], 0]);
    await other.slots.plug(0, { layers: [shared, layer()], bytes: 8 * MIB });
  });

  test("gets a layer on top, and no longer writes the one below", async () => {
    await using qemu = await start();
    const [bottom, top] = [layer(), layer()];
    await qemu.slots.plug(0, { layers: [bottom], bytes: 8 * MIB });
    let prepared: string[] = [];
    await qemu.slots.addLayer(0, { path: top, bytes: 8 * MIB }, async (take) => {
      prepared = await qemu.nodes();
      await take();
    });
    assert.deepEqual(prepared, ["vol0-0", "vol0-1"]);
    assert.deepEqual(await qemu.nodes(), ["vol0-0 ro", "vol0-1"]);
    assert.equal(await qemu.slots.depth(0), 2);
    await qemu.slots.unplug(0);
    assert.deepEqual([await qemu.nodes(), await qemu.sets()], [[], 0]);
  });

  test("keeps its layers if the moment for a new one does not come", async () => {
    await using qemu = await start();
    await qemu.slots.plug(0, { layers: [layer()], bytes: 8 * MIB });
    const moment = () => Promise.reject(new Error("not now"));
    await assert.rejects(qemu.slots.addLayer(0, { path: layer(), bytes: 8 * MIB }, moment), /not now/);
    assert.deepEqual([await qemu.nodes(), await qemu.slots.depth(0)], [["vol0-0"], 1]);
  });

  test("of a server that was killed before a layer was added gets that layer from the next one, or gives everything back", async () => {
    for (const next of ["addLayer", "unplug"] as const) {
      await using qemu = await start();
      await qemu.slots.plug(0, { layers: [layer()], bytes: 8 * MIB });
      const top = { path: layer(), bytes: 8 * MIB };
      // The earlier server never gets further than this.
      await new Promise<void>((resolve) => {
        void qemu.slots.addLayer(0, top, () => (resolve(), new Promise(() => {})));
      });
      assert.deepEqual(await qemu.nodes(), ["vol0-0", "vol0-1"]);
      if (next === "addLayer") {
        await qemu.slots.addLayer(0, top, (take) => take());
        assert.deepEqual(await qemu.nodes(), ["vol0-0 ro", "vol0-1"]);
      }
      await qemu.slots.unplug(0);
      assert.deepEqual([await qemu.nodes(), await qemu.sets()], [[], 0]);
    }
  });

  test("that never got its disk from a server that was killed is emptied by the next one, and takes another", async () => {
    await using qemu = await start();
    const layers = [layer(), layer()];
    const waiting = qemu.interrupt("qom-set");
    void qemu.slots.plug(3, { layers, bytes: 8 * MIB });
    await waiting;
    assert.deepEqual([await qemu.slots.depth(3), await qemu.nodes()], [0, ["vol3-0 ro", "vol3-1"]]);
    await assert.rejects(
      qemu.slots.addLayer(3, { path: layer(), bytes: 8 * MIB }, (take) => take()),
      /has no disk/,
    );
    await qemu.slots.unplug(3);
    assert.deepEqual([await qemu.nodes(), await qemu.sets()], [[], 0]);
    qemu.proceed();
    await qemu.slots.plug(3, { layers, bytes: 8 * MIB });
    assert.equal(await qemu.slots.depth(3), 2);
  });

  test("has a disk as large as asked for, whatever its layer was, and lets it grow", async () => {
    await using qemu = await start();
    const top = layer();
    await qemu.slots.plug(0, { layers: [top], bytes: 16 * MIB });
    await qemu.slots.resize(0, 32 * MIB);
    assert.equal(qemu.allowed(), 32 * MIB);
    await qemu.slots.unplug(0);
    assert.equal(size(top)["virtual-size"], 32 * MIB);
  });

  test("opens no file that a layer's header names", async () => {
    await using qemu = await start();
    const named = layer();
    const crafted = join(dir, `crafted-${basename(named)}`);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", named, "-F", "qcow2", crafted]);
    await qemu.slots.plug(0, { layers: [crafted], bytes: 8 * MIB });
    assert.deepEqual(qemu.opened(named), []);
  });

  test("of a process that lists its layers and descriptors any number of times is given back with a command for each", async () => {
    const { slots, commands } = takenOver((command) => {
      if (command === "query-named-block-nodes") return Array(50_000).fill({ "node-name": "vol0-1" });
      if (command === "query-fdsets")
        return Array.from({ length: 50_000 }, (_, n) => ({ "fdset-id": n % 2 ? 2_000 + 1 / n : 2_001 }));
      return {};
    });
    await slots.unplug(0);
    assert.deepEqual(
      commands.filter((command) => /del|remove/.test(command)),
      ["blockdev-del", "remove-fd"],
    );
  });

  test("of a process that does not change it in time is given up with the process", async () => {
    for (const change of ["plug", "unplug", "addLayer"] as const) {
      const { slots } = takenOver((command) => (command === "qom-get" ? "vol0-0" : new Promise(() => {})), 20);
      const disk = { path: "layer", layers: ["layer"], bytes: 8 * MIB };
      await assert.rejects(
        slots[change](0, disk, (take) => take()),
        /QEMU ended/,
      );
    }
  });
});
