/** Ends of a real QEMU process, whose processors never start, that this process did not start. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { adoptQemu } from "./adopt.ts";
import { socketsIn } from "./process.ts";
import { noteProcess, recordOf } from "./process-record.ts";
import { FilePasser } from "./slots/file-passer.ts";

const root = mkdtempSync(join(tmpdir(), "sk-adopt-qemu-"));
after(() => rmSync(root, { recursive: true, force: true }));
/** Longer than the process takes to end, however busy the computer is. */
const TIMEOUT_MS = 60_000;

async function adopted() {
  const dir = mkdtempSync(join(root, "m-"));
  const { qmp } = socketsIn(dir);
  const args = ["-M", "microvm", "-nodefaults", "-display", "none", "-S", "-m", "16"];
  const monitor = ["-chardev", `socket,id=qmp,path=${qmp},server=on,wait=off`, "-mon", "chardev=qmp,mode=control"];
  const child = spawn("qemu-system-x86_64", [...args, ...monitor], { stdio: ["ignore", "ignore", "inherit"] });
  while (!existsSync(qmp)) await delay(5);
  await noteProcess(dir, recordOf(child.pid!, null));
  const vm = await adoptQemu(dir, new FilePasser());
  assert.ok(vm);
  return { child, vm };
}

test("a process that ends in order has closed its disks", async () => {
  const { vm } = await adopted();
  assert.equal(await vm.quit(TIMEOUT_MS), true);
  assert.deepEqual(await vm.exited, { code: 0, signal: null, console: "" });
});

test("a process whose answer was late has not ended: it gets the next command, and its end is known when it comes", async (context) => {
  const { vm } = await adopted();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const late = assert.rejects(vm.pause(), /did not answer stop/);
  context.mock.timers.tick(TIMEOUT_MS);
  context.mock.timers.reset();
  await late;
  await vm.pause();
  assert.equal(await vm.quit(TIMEOUT_MS), true);
  assert.deepEqual(await vm.exited, { code: 0, signal: null, console: "" });
});

test("a process that ends after a late answer, when nobody asks it anything, has ended", async (context) => {
  const { child, vm } = await adopted();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const late = assert.rejects(vm.pause(), /did not answer stop/);
  context.mock.timers.tick(TIMEOUT_MS);
  context.mock.timers.reset();
  await late;
  child.kill("SIGKILL");
  assert.deepEqual(await vm.exited, { code: null, signal: null, console: "" });
});

test("a process that is killed has closed nothing, although it was told to end", async () => {
  const { child, vm } = await adopted();
  child.kill("SIGSTOP");
  const quitting = vm.quit(TIMEOUT_MS);
  child.kill("SIGKILL");
  assert.equal(await quitting, false);
  assert.equal((await vm.exited).code, null);
});
