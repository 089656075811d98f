/** One QEMU process, started in its jail. */
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Vm, VmExit } from "../engine.ts";
import { type Jail, jailed, jailUser } from "./jail.ts";
import { Qmp } from "./qmp.ts";

/** How long QEMU may take to come up. Usually 15 to 60 ms; a machine under heavy load takes its time. */
const START_TIMEOUT_MS = 20_000;
/** What is kept of a process's complaints. */
const MAX_STDERR_CHARS = 8 * 1024;

/** Paths of the sockets in a machine's folder. Short names: a socket's whole path has at most 107 bytes. */
export function socketsIn(dir: string) {
  return { qmp: join(dir, "qmp"), control: join(dir, "control"), egress: join(dir, "egress") };
}

export class QemuProcess implements Vm {
  readonly pid: number;
  readonly sockets: { control: string; egress: string };
  readonly exited: Promise<VmExit>;
  readonly qmp: Qmp;
  /** A pid that is free again may be anybody's by now. */
  #gone = false;

  constructor(pid: number, dir: string, qmp: Qmp, exited: Promise<VmExit>) {
    this.pid = pid;
    this.sockets = socketsIn(dir);
    this.qmp = qmp;
    this.exited = exited.finally(() => (this.#gone = true));
  }

  async pause(): Promise<void> {
    await this.qmp.execute("stop");
  }

  async resume(): Promise<void> {
    await this.qmp.execute("cont");
  }

  async kill(): Promise<void> {
    if (this.#gone) return;
    try {
      process.kill(this.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    await this.exited;
  }

  /** The last of what the guest wrote to its console. */
  async console(): Promise<string> {
    return String(await this.qmp.execute("ringbuf-read", { device: "console", size: 16 * 1024 }));
  }
}

/**
 * Starts QEMU in a jail; resolves when it answers.
 *
 * @param jail its folder exists and holds what the process may write
 * @param kvm descriptor of `/dev/kvm`, inherited as `KVM_FD`
 */
export async function startQemu(binary: string, args: string[], jail: Jail, kvm: number | "ignore"): Promise<QemuProcess> {
  const user = jailUser();
  const [file, ...rest] = jailed(jail, user, [binary, ...args]);
  if (user) for (const path of [jail.dir, ...readdirSync(jail.dir).map((name) => join(jail.dir, name))]) chownSync(path, user.uid, user.gid);
  const child = spawn(file!, rest, {
    // Descriptors: 2 complaints, 3 the jail's report, 4 the monitor, 5 KVM.
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe", kvm],
    detached: true,
  });
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-MAX_STDERR_CHARS)));
  const exited = new Promise<VmExit>((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, console: error.message }));
    child.once("exit", (code, signal) => resolve({ code, signal, console: stderr }));
  });
  const timeout = setTimeout(() => killGroup(child), START_TIMEOUT_MS);
  try {
    const [pid, qmp] = await Promise.all([readChildPid(child.stdio[3] as Socket), Qmp.over(child.stdio[4] as Socket)]);
    return new QemuProcess(pid, jail.dir, qmp, exited);
  } catch {
    killGroup(child);
    const exit = await exited;
    throw new Error(`QEMU did not start (${exit.signal ?? `code ${exit.code}`}): ${exit.console.trim() || "it said nothing"}`);
  } finally {
    clearTimeout(timeout);
  }
}

/** The jail reports the process's pid, seen from outside, as JSON. */
function readChildPid(report: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    report.setEncoding("utf8");
    report.on("data", (part: string) => {
      text += part;
      const pid = /"child-pid"\s*:\s*(\d+)/.exec(text)?.[1];
      // The jail writes on after this; closing our end now would end it with SIGPIPE.
      if (pid) resolve(Number(pid));
    });
    report.on("close", () => reject(new Error("The jail did not report a process.")));
    report.on("error", reject);
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}
