import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { MACHINE_USERS, openJail } from "@sandkeep/jail";
import { MONITOR_FD } from "./command.ts";
import { machinePlan } from "./jail/machine-jail.ts";
import { startQemu } from "./process.ts";
import { isRunning, PROCESS_RECORD } from "./process-record.ts";
import { FilePasser } from "./slots/file-passer.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-process-"));
after(() => rmSync(dir, { recursive: true, force: true }));

/** Pids of processes with this word in their command line. */
function running(word: string): string[] {
  const said = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    } catch {
      return [];
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && said(name).includes(word));
}

for (const kind of ["full", "minimal"] as const) {
  test(`a process that cannot be noted, as on a full disk, is ended: ${kind} jail`, { timeout: 60_000 }, async () => {
    const folder = join(dir, kind);
    // A directory where the record should be.
    mkdirSync(join(folder, PROCESS_RECORD), { recursive: true });
    const user = MACHINE_USERS.take();
    await using jail = await openJail(kind, machinePlan({ writable: [], readable: [] }, user));
    // A number of seconds that no other process waits for.
    const seconds = `1000.${process.pid}${kind.length}`;
    await assert.rejects(
      startQemu({
        command: ["/usr/bin/sleep", seconds],
        dir: folder,
        jail,
        user,
        kvm: "ignore",
        passer: new FilePasser(),
      }),
      /did not start.*EISDIR/s,
    );
    while (running(seconds).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
}

test("whoever kills a process waits for its end, and for no look at it", { timeout: 60_000 }, async (context) => {
  const folder = join(dir, "killed");
  mkdirSync(folder);
  const user = MACHINE_USERS.take();
  await using jail = await openJail("full", machinePlan({ writable: [], readable: [] }, user));
  const machine = ["-M", "microvm", "-nodefaults", "-no-user-config", "-display", "none", "-S", "-m", "16"];
  const monitor = ["-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control"];
  const command = ["qemu-system-x86_64", ...machine, ...monitor];
  const vm = await startQemu({ command, dir: folder, jail, user, kvm: "ignore", passer: new FilePasser() });
  assert.equal(isRunning(vm.process), true);
  // No time passes.
  context.mock.timers.enable({ apis: ["setTimeout"] });
  await vm.kill();
  assert.equal(isRunning(vm.process), false);
  await vm.kill();
});
