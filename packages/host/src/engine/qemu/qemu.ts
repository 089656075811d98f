/** The QEMU engine: `microvm` machines under KVM or emulation. */
import { chmod, chown, copyFile, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Acceleration, BootFiles, CapturableVm, Engine, TemplateFiles, Vm, VmOptions, WaitingVm } from "../engine.ts";
import { kernelCommandLine, qemuArguments, ramMiB } from "./command.ts";
import { limitProcess, removeGroups } from "./cgroup.ts";
import { createOverlay, rebaseOverlay } from "./disk.ts";
import { stubsIn, writeStubs } from "./stubs.ts";
import type { Jail } from "./jail.ts";
import { adoptQemu } from "./adopt.ts";
import { type QemuProcess, socketsIn, startQemu } from "./process.ts";
import { sweepQemus } from "./sweep.ts";

export interface QemuOptions {
  /** The QEMU program. */
  binary: string;
  acceleration: Acceleration;
  versions: Record<string, string>;
  /** Of the host's time stamp counter, for emulated guests; null under KVM. */
  tscKHz: number | null;
}

export class Qemu implements Engine {
  readonly name = "qemu";
  readonly acceleration: Acceleration;
  readonly versions: Record<string, string>;
  readonly fingerprint: string;
  readonly #binary: string;
  readonly #kernelCommandLine: string;

  constructor(options: QemuOptions) {
    this.#binary = options.binary;
    this.acceleration = options.acceleration;
    this.versions = options.versions;
    this.#kernelCommandLine = kernelCommandLine(options.tscKHz);
    this.fingerprint = JSON.stringify([this.name, options.versions["qemu"], qemuArguments({
      ...nowhere,
      accelerator: this.acceleration.kind,
      kernelCommandLine: this.#kernelCommandLine,
      size: { memoryMiB: 0, vcpus: 0 },
      incoming: false,
    })]);
  }

  async boot(options: VmOptions): Promise<Vm> {
    const disk = join(options.dir, "disk.qcow2");
    await createOverlay(disk, options.boot.rootDisk);
    return this.#start(options, { disk });
  }

  async bootForCapture(options: VmOptions): Promise<CapturableVm> {
    const files = this.templateFiles(options.dir);
    await createOverlay(files.disk, options.boot.rootDisk);
    const memory = await open(files.memory, "wx", 0o600);
    await memory.truncate(ramMiB(options.size.memoryMiB) * 1024 * 1024);
    await memory.close();
    const vm = await this.#start(options, { disk: files.disk, memory: { path: files.memory, shared: true } });
    return Object.assign(vm, { capture: () => capture(vm, options, files) });
  }

  templateFiles(dir: string): TemplateFiles {
    const file = (name: string) => join(dir, name);
    return { memory: file("memory"), state: file("state"), disk: file("disk.qcow2"), overlay: file("overlay.qcow2") };
  }

  /** An overlay names its backing file by path: the clones' is made for where the template will be. */
  async relocate(from: TemplateFiles, to: TemplateFiles): Promise<void> {
    await createOverlay(from.overlay, from.disk);
    await rebaseOverlay(from.overlay, to.disk);
  }

  async prepare(options: VmOptions, template: TemplateFiles): Promise<WaitingVm> {
    const disk = join(options.dir, "disk.qcow2");
    await copyFile(template.overlay, disk);
    const dir = dirname(template.disk);
    const vm = await this.#start({ ...options, boot: { ...options.boot, ...stubsIn(dir) } }, {
      disk,
      memory: { path: template.memory, shared: false },
      incoming: true,
      readable: [dir],
    });
    await enableMigration(vm);
    return Object.assign(vm, { load: () => load(vm, template) });
  }

  async adopt(dir: string, pid: number): Promise<Vm | null> {
    const vm = await adoptQemu(dir, pid);
    void vm?.exited.then(() => removeGroups(basename(dir)));
    return vm;
  }

  sweep(runDir: string, keep: ReadonlySet<string>): Promise<void> {
    return sweepQemus(runDir, keep);
  }

  async #start(options: VmOptions, files: StartFiles): Promise<QemuProcess> {
    const { boot, dir } = options;
    const jail: Jail = {
      dir,
      readable: [...new Set([boot.kernel, boot.initramfs, boot.rootDisk, ...(files.readable ?? [])])],
    };
    const args = qemuArguments({
      accelerator: this.acceleration.kind,
      size: options.size,
      kernel: boot.kernel,
      kernelCommandLine: this.#kernelCommandLine,
      initramfs: boot.initramfs,
      disk: files.disk,
      sockets: socketsIn(dir),
      incoming: files.incoming ?? false,
      ...(files.memory && { memory: files.memory }),
    });
    const kvm = this.acceleration.kind === "kvm" ? await open("/dev/kvm", "r+") : null;
    try {
      const vm = await startQemu(this.#binary, args, jail, kvm?.fd ?? "ignore");
      const group = basename(dir);
      await limitProcess(vm.pid, group, options.size);
      void vm.exited.then(() => removeGroups(group));
      return vm;
    } finally {
      await kvm?.close();
    }
  }
}

interface StartFiles {
  disk: string;
  memory?: { path: string; shared: boolean };
  incoming?: boolean;
  readable?: string[];
}

const nowhere: BootFiles & { disk: string; sockets: { qmp: string; control: string; egress: string } } = {
  kernel: "", initramfs: "", rootDisk: "", disk: "", sockets: { qmp: "", control: "", egress: "" },
};

/** The guest's memory is in its file already: only CPUs and devices travel in the state. */
async function enableMigration(vm: QemuProcess): Promise<void> {
  const capabilities = ["x-ignore-shared", "events"].map((capability) => ({ capability, state: true }));
  await vm.qmp.execute("migrate-set-capabilities", { capabilities });
}

async function capture(vm: QemuProcess, options: VmOptions, files: TemplateFiles): Promise<void> {
  await vm.pause();
  await enableMigration(vm);
  await Promise.all([migrationEnd(vm), vm.qmp.execute("migrate", { uri: `file:${files.state}` })]);
  await vm.qmp.execute("quit").catch(() => {});
  await vm.exited;
  await writeStubs(options.boot.kernel, options.dir);
  // The template is ours again; jailed processes read it as users of their own.
  const all = [files.memory, files.state, files.disk, ...Object.values(stubsIn(options.dir))];
  for (const path of [options.dir, ...all]) await chown(path, process.getuid!(), process.getgid!());
  for (const file of all) await chmod(file, 0o444);
  await chmod(options.dir, 0o755);
}

async function load(vm: QemuProcess, template: TemplateFiles): Promise<void> {
  await Promise.all([migrationEnd(vm), vm.qmp.execute("migrate-incoming", { uri: `file:${template.state}` })]);
  // A template was paused when it was captured, and so is what comes of it.
  await vm.resume();
}

async function migrationEnd(vm: QemuProcess): Promise<void> {
  const statuses = ["completed", "failed", "cancelled"];
  const event = await vm.qmp.waitFor((e) => e.event === "MIGRATION" && statuses.includes(String(e.data?.["status"])));
  if (event.data?.["status"] === "completed") return;
  const info = (await vm.qmp.execute("query-migrate")) as { "error-desc"?: string };
  throw new Error(`QEMU could not move the machine's state: ${info["error-desc"] ?? "it does not say why"}`);
}
