/** Takes over a QEMU process that a former run of ours started. */
import { readFile } from "node:fs/promises";
import type { VmExit } from "../engine.ts";
import { QemuProcess, socketsIn } from "./process.ts";
import { Qmp } from "./qmp.ts";

/** Between looks at a process whose monitor has closed: it is on its way out, which takes some milliseconds. */
const LEAVING_LOOK_MS = 5;

/** Null when the folder's QEMU is gone, or the pid is another process's by now. */
export async function adoptQemu(dir: string, pid: number): Promise<QemuProcess | null> {
  if (!(await isQemuOf(dir, pid))) return null;
  const qmp = await Qmp.connect(socketsIn(dir).qmp).catch(() => null);
  if (!qmp) return null;
  const exited = qmp.closed.then(async (): Promise<VmExit> => {
    while (await isQemuOf(dir, pid)) await new Promise((resolve) => setTimeout(resolve, LEAVING_LOOK_MS));
    return { code: null, signal: null, console: "" };
  });
  return new QemuProcess(pid, dir, qmp, exited);
}

async function isQemuOf(dir: string, pid: number): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.includes(`${socketsIn(dir).qmp},`);
}
