/** One QEMU process, started in its jail. */
import type { Socket } from "node:net";
import { basename, join } from "node:path";
import { SerialQueue } from "@sandkeep/common";
import { endAll, type Jail, type JailUser, killGroup, startJailed } from "@sandkeep/jail";
import type { Priority, Vm, VmExit, VmUsage } from "../engine.ts";
import { prioritizeGroup } from "./cgroup.ts";
import { CONTROL_FD, EGRESS_FD, FILES_FD, KVM_FD, MONITOR_FD, QMP_FD } from "./command.ts";
import { JAIL_FD, listening } from "./jail/machine-jail.ts";
import { noteProcess, type ProcessRecord, recordOf } from "./process-record.ts";
import { Qmp } from "./qmp.ts";
import { allowDisk } from "./slots/file-limit.ts";
import type { FilePasser } from "./slots/file-passer.ts";
import { goOnWithSpace } from "./slots/no-space.ts";
import { type PassedFile, passFiles } from "./slots/pass-files.ts";
import { QemuSlots } from "./slots/slots.ts";
import { processUsage } from "./usage.ts";

/** How long QEMU may take to start. Usually 15 to 60 ms; longer on a busy computer. */
const START_TIMEOUT_MS = 20_000;
/** How much of a process's error output is kept. */
const MAX_STDERR_CHARS = 8 * 1024;
/** How much of a guest's console is shown; a QEMU that was taken over may return more than requested. */
const MAX_CONSOLE_BYTES = 16 * 1024;

/**
 * Paths of the sockets in a machine's folder, which the machine inherits but never sees. The names are short, because a
 * socket's path has at most 107 bytes.
 */
export function socketsIn(dir: string) {
  return {
    qmp: join(dir, "qmp"),
    control: join(dir, "control"),
    egress: join(dir, "egress"),
    files: join(dir, "files"),
  };
}

export class QemuProcess implements Vm {
  readonly pid: number;
  readonly sockets: { control: string; egress: string };
  readonly exited: Promise<VmExit>;
  readonly qmp: Qmp;
  readonly slots: QemuSlots;
  readonly process: ProcessRecord;
  /** The machine's folder. */
  readonly dir: string;
  readonly #passer: FilePasser;
  readonly #giving = new SerialQueue();
  /** Its name in the control groups. */
  readonly #group: string;
  readonly #onRelease: () => void;
  /** By us, not by itself because its disk cannot be written. */
  #isPaused = false;

  constructor(options: {
    process: ProcessRecord;
    dir: string;
    qmp: Qmp;
    exited: Promise<VmExit>;
    passer: FilePasser;
    onRelease?: () => void;
  }) {
    this.process = options.process;
    this.dir = options.dir;
    this.#passer = options.passer;
    this.#onRelease = options.onRelease ?? (() => {});
    this.pid = options.process.pid;
    this.#group = basename(options.dir);
    const { control, egress } = socketsIn(options.dir);
    this.sockets = { control, egress };
    this.qmp = options.qmp;
    this.slots = new QemuSlots({
      qmp: this.qmp,
      give: (files) => this.give(files),
      allowDisk: (bytes) => allowDisk(this.pid, bytes),
      kill: () => void endAll([this.process]),
    });
    this.exited = options.exited;
    goOnWithSpace(this.qmp, () => !this.#isPaused);
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.qmp.execute("stop");
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.qmp.execute("cont");
  }

  /** Gives it files that its jail does not show. */
  give(files: readonly PassedFile[]): Promise<void> {
    // That monitor has one connection at a time.
    return this.#giving.run(() => passFiles(this.#passer, socketsIn(this.dir).files, files));
  }

  prioritize(priority: Priority): void {
    prioritizeGroup(this.#group, priority);
  }

  usage(): VmUsage | null {
    return processUsage(this.process);
  }

  release(): void {
    this.#onRelease();
    this.qmp.close();
  }

  async quit(timeoutMs: number): Promise<boolean> {
    void this.qmp.execute("quit").catch(() => {});
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    // Killed meanwhile, it has closed nothing.
    void this.exited.then(({ code }) => resolve(code === 0));
    return await promise.finally(() => clearTimeout(timer));
  }

  async kill(): Promise<void> {
    // Its end is known before the next look whether it still runs.
    await Promise.race([endAll([this.process]), this.exited]);
    // If what had started it was killed instead.
    await endAll([this.process]);
    await this.exited;
  }

  /** The end of the guest's console output. */
  async console(): Promise<string> {
    return String(await this.qmp.execute("ringbuf-read", { device: "console", size: MAX_CONSOLE_BYTES })).slice(
      -MAX_CONSOLE_BYTES,
    );
  }
}

export interface StartOptions {
  /** QEMU and its arguments. */
  command: string[];
  /** The machine's folder. */
  dir: string;
  jail: Jail;
  user: JailUser | null;
  /** Descriptor of `/dev/kvm`. */
  kvm: number | "ignore";
  /** Gives it files later. */
  passer: FilePasser;
}

/** Starts QEMU in a jail; resolves when it answers. */
export async function startQemu({ command, dir, jail, user, kvm, passer }: StartOptions): Promise<QemuProcess> {
  const { qmp: qmpPath, control, egress, files } = socketsIn(dir);
  const given = kvm === "ignore" ? [MONITOR_FD] : [MONITOR_FD, KVM_FD];
  const launch = listening(
    { [QMP_FD]: qmpPath, [CONTROL_FD]: control, [EGRESS_FD]: egress, [FILES_FD]: files },
    given,
    jail,
    command,
  );
  // The monitor, KVM, then the sockets.
  const own = ["pipe" as const, kvm, ...Array.from<"ignore">({ length: JAIL_FD - QMP_FD }).fill("ignore")];
  const { child, pid } = startJailed({ jail, command: launch, own });
  let started: ProcessRecord | undefined;
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-MAX_STDERR_CHARS)));
  const exited = new Promise<VmExit>((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, console: error.message }));
    child.once("exit", (code, signal) => resolve({ code, signal, console: stderr }));
  });
  const timeout = setTimeout(() => killGroup(child), START_TIMEOUT_MS);
  try {
    const noted = pid.then(async (pid) => {
      // Set before the record is written, which a full disk may prevent.
      const record = (started = recordOf(pid, user?.uid ?? null));
      await noteProcess(dir, record);
      return record;
    });
    const [process, qmp] = await Promise.all([
      noted,
      Qmp.over(child.stdio[MONITOR_FD] as Socket, { another: qmpPath }),
    ]);
    return new QemuProcess({ process, dir, qmp, exited, passer });
  } catch (cause) {
    killGroup(child);
    // By then it is in a session of its own.
    if (started) await endAll([started]);
    const exit = await exited;
    const why = exit.console.trim() || (cause instanceof Error && cause.message) || "it said nothing";
    throw new Error(`QEMU did not start (${exit.signal ?? `code ${exit.code}`}): ${why}`, { cause });
  } finally {
    clearTimeout(timeout);
  }
}
