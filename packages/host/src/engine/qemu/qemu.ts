/** The QEMU engine: `microvm` machines under KVM or emulation. */
import { chmod, chown, copyFile, lchown, open, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Jail, type JailKind, type JailUser, MACHINE_USERS, openJail } from "@sandkeep/jail";
import type {
  Acceleration,
  BootFiles,
  CapturableVm,
  Engine,
  TemplateFiles,
  Vm,
  VmOptions,
  WaitingVm,
} from "../engine.ts";
import { adoptQemu } from "./adopt.ts";
import { limitProcess, removeGroups } from "./cgroup.ts";
import { kernelCommandLine, qemuArguments, ramMiB } from "./command.ts";
import { createOverlay, virtualSize } from "./disk.ts";
import { machinePlan } from "./jail/machine-jail.ts";
import { type QemuProcess, socketsIn, startQemu } from "./process.ts";
import { PROCESS_RECORD } from "./process-record.ts";
import { stubsIn, writeStubs } from "./stubs.ts";
import { sweepQemus } from "./sweep.ts";

/** How long reading or writing a machine's state may take: 70 KB, so usually 60 ms; longer on a busy computer. */
const MIGRATION_TIMEOUT_MS = 60_000;

export interface QemuOptions {
  /** The QEMU program. */
  binary: string;
  acceleration: Acceleration;
  jail: JailKind;
  versions: Record<string, string>;
  /** Frequency of the host's time stamp counter, for emulated guests; null under KVM. */
  tscKHz: number | null;
}

export class Qemu implements Engine {
  readonly name = "qemu";
  readonly acceleration: Acceleration;
  readonly versions: Record<string, string>;
  readonly fingerprint: string;
  readonly #binary: string;
  readonly #jail: JailKind;
  readonly #kernelCommandLine: string;

  constructor(options: QemuOptions) {
    this.#binary = options.binary;
    this.#jail = options.jail;
    this.acceleration = options.acceleration;
    this.versions = options.versions;
    this.#kernelCommandLine = kernelCommandLine(options.tscKHz);
    this.fingerprint = JSON.stringify([
      this.name,
      options.versions.qemu,
      qemuArguments({
        ...nowhere,
        accelerator: this.acceleration.kind,
        kernelCommandLine: this.#kernelCommandLine,
        size: { memoryMiB: 0, vcpus: 0 },
        incoming: false,
      }),
    ]);
  }

  async boot(options: VmOptions): Promise<Vm> {
    const disk = join(options.dir, "disk.qcow2");
    await newOverlay(disk, options.boot.rootDisk, options.boot);
    return (await this.#start(options, { disk, backing: [options.boot.rootDisk] })).vm;
  }

  async bootForCapture(options: VmOptions): Promise<CapturableVm> {
    const files = this.templateFiles(options.dir);
    await newOverlay(files.disk, options.boot.rootDisk, options.boot);
    for (const [path, bytes] of [
      [files.memory, ramMiB(options.size.memoryMiB) * 1024 * 1024],
      [files.state, 0],
    ] as const) {
      const file = await open(path, "wx", 0o600);
      await file.truncate(bytes);
      await file.close();
    }
    const { vm, jail } = await this.#start(options, {
      disk: files.disk,
      backing: [options.boot.rootDisk],
      memory: { path: files.memory, shared: true },
      writable: [files.memory, files.state],
    });
    return Object.assign(vm, { capture: () => capture(vm, jail, options.dir, files) });
  }

  templateFiles(dir: string): TemplateFiles {
    const file = (name: string) => join(dir, name);
    return { memory: file("memory"), state: file("state"), disk: file("disk.qcow2"), overlay: file("overlay.qcow2") };
  }

  async relocate(from: TemplateFiles, to: TemplateFiles, boot: BootFiles): Promise<void> {
    await newOverlay(from.overlay, to.disk, boot);
  }

  async prepare(options: VmOptions, template: TemplateFiles): Promise<WaitingVm> {
    const disk = join(options.dir, "disk.qcow2");
    await copyFile(template.overlay, disk);
    const { vm, jail } = await this.#start(
      { ...options, boot: { ...options.boot, ...stubsIn(dirname(template.disk)) } },
      {
        disk,
        backing: [template.disk, options.boot.rootDisk],
        memory: { path: template.memory, shared: false },
        incoming: true,
        readable: [template.memory, template.state],
      },
    );
    await enableMigration(vm);
    return Object.assign(vm, { load: () => load(vm, jail, template) });
  }

  async adopt(dir: string): Promise<Vm | null> {
    const vm = await adoptQemu(dir);
    void vm?.exited.then(() => removeGroups(basename(dir)));
    return vm;
  }

  sweep(runDir: string, isDoomed: (dir: string) => boolean): Promise<void> {
    return sweepQemus(runDir, isDoomed);
  }

  async #start(options: VmOptions, files: StartFiles): Promise<{ vm: QemuProcess; jail: Jail }> {
    const user = MACHINE_USERS.take();
    try {
      const started = await this.#startAs(user, options, files);
      void started.vm.exited.then(() => MACHINE_USERS.release(user?.uid));
      return started;
    } catch (error) {
      MACHINE_USERS.release(user?.uid);
      throw error;
    }
  }

  async #startAs(
    user: JailUser | null,
    options: VmOptions,
    files: StartFiles,
  ): Promise<{ vm: QemuProcess; jail: Jail }> {
    const { boot, dir } = options;
    const writable = [files.disk, ...(files.writable ?? [])];
    if (user) for (const path of writable) await lchown(path, user.uid, user.gid);
    await using jail = await openJail(
      this.#jail,
      machinePlan(
        { writable, readable: [boot.kernel, boot.initramfs, ...files.backing, ...(files.readable ?? [])] },
        user,
      ),
    );
    const args = qemuArguments({
      name: dir,
      accelerator: this.acceleration.kind,
      size: options.size,
      kernel: jail.name(boot.kernel),
      kernelCommandLine: this.#kernelCommandLine,
      initramfs: jail.name(boot.initramfs),
      disk: jail.name(files.disk),
      backing: files.backing.map(jail.name),
      incoming: files.incoming ?? false,
      ...(files.memory && { memory: { ...files.memory, path: jail.name(files.memory.path) } }),
    });
    const kvm = this.acceleration.kind === "kvm" ? await open("/dev/kvm", "r+") : null;
    try {
      const vm = await startQemu({ command: [this.#binary, ...args], dir, jail, user, kvm: kvm?.fd ?? "ignore" });
      const group = basename(dir);
      await limitProcess(vm.pid, group, options.size);
      void vm.exited.then(() => removeGroups(group));
      return { vm, jail };
    } finally {
      await kvm?.close();
    }
  }
}

interface StartFiles {
  disk: string;
  /** The disk's backing files, nearest first. */
  backing: string[];
  memory?: { path: string; shared: boolean };
  incoming?: boolean;
  readable?: string[];
  writable?: string[];
}

const nowhere: BootFiles & { name: string; disk: string; backing: string[] } = {
  name: "",
  kernel: "",
  initramfs: "",
  rootDisk: "",
  disk: "",
  backing: [],
};

async function newOverlay(path: string, backing: string, boot: BootFiles): Promise<void> {
  await createOverlay(path, backing, await virtualSize(boot.rootDisk));
}

/** The guest's memory is already in its file: the state contains only CPUs and devices. */
async function enableMigration(vm: QemuProcess): Promise<void> {
  const capabilities = ["x-ignore-shared", "events"].map((capability) => ({ capability, state: true }));
  await vm.qmp.execute("migrate-set-capabilities", { capabilities });
}

async function capture(vm: QemuProcess, jail: Jail, dir: string, files: TemplateFiles): Promise<void> {
  await vm.pause();
  await enableMigration(vm);
  await Promise.all([migrationEnd(vm), vm.qmp.execute("migrate", { uri: `file:${jail.name(files.state)}` })]);
  await vm.qmp.execute("quit").catch(() => {});
  await vm.exited;
  await writeStubs(dir);
  for (const path of [...Object.values(socketsIn(dir)), join(dir, PROCESS_RECORD)]) await rm(path, { force: true });
  // The template becomes ours again; jailed processes read it as users of their own.
  const all = [files.memory, files.state, files.disk, ...Object.values(stubsIn(dir))];
  for (const path of all) await chown(path, process.getuid!(), process.getgid!());
  for (const file of all) await chmod(file, 0o444);
}

async function load(vm: QemuProcess, jail: Jail, template: TemplateFiles): Promise<void> {
  await Promise.all([
    migrationEnd(vm),
    vm.qmp.execute("migrate-incoming", { uri: `file:${jail.name(template.state)}` }),
  ]);
  // A template is paused when captured, so its clones start paused too.
  await vm.resume();
}

async function migrationEnd(vm: QemuProcess): Promise<void> {
  const statuses = ["completed", "failed", "cancelled"];
  const event = await vm.qmp.waitFor(
    (e) => e.event === "MIGRATION" && statuses.includes(String(e.data?.status)),
    MIGRATION_TIMEOUT_MS,
  );
  if (event.data?.status === "completed") return;
  const info = (await vm.qmp.execute("query-migrate")) as { "error-desc"?: string };
  throw new Error(`QEMU could not move the machine's state: ${info["error-desc"] ?? "no reason given"}`);
}
