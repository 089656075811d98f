/** The QEMU engine: `microvm` machines under KVM or emulation. */
import { execFile } from "node:child_process";
import { chmod, chown, copyFile, lchown, open, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Jail, type JailKind, type JailUser, MACHINE_USERS, openJail } from "@sandkeep/jail";
import { createLayer } from "../../storage/qcow2.ts";
import type {
  Acceleration,
  BootFiles,
  BootOptions,
  CapturableVm,
  CloneOptions,
  Engine,
  ForkedFrom,
  ForkOptions,
  ReviveOptions,
  RootDisk,
  SuspendOptions,
  TemplateFiles,
  Vm,
  VmOptions,
  WaitingVm,
} from "../engine.ts";
import { adoptQemu } from "./adopt.ts";
import { limitProcess, removeGroups } from "./cgroup.ts";
import { kernelCommandLine, machineName, qemuArguments, ramMiB } from "./command.ts";
import { forkProcess } from "./fork/fork.ts";
import { PageCopiers } from "./fork/page-copiers.ts";
import { removeSuspended, reviveProcess, suspendedFiles, suspendProcess } from "./fork/suspend.ts";
import { machinePlan } from "./jail/machine-jail.ts";
import { enableMigration, loadState, saveState } from "./migration.ts";
import { type QemuProcess, socketsIn, startQemu } from "./process.ts";
import { PROCESS_RECORD } from "./process-record.ts";
import { allowDisk } from "./slots/file-limit.ts";
import { FilePasser } from "./slots/file-passer.ts";
import { stubsIn, writeStubs } from "./stubs.ts";
import { endRecorded, sweepQemus } from "./sweep.ts";

/** Milliseconds; see {@link Engine.settleMs}. */
const SETTLE_MS = 1_000;

const run = promisify(execFile);

export interface QemuOptions {
  /** The host's id, which the processes' command lines contain. */
  host: string;
  /** The QEMU program. */
  binary: string;
  /** The agent's program, which copies memory on the host. */
  agent: string;
  acceleration: Acceleration;
  jail: JailKind;
  versions: Record<string, string>;
  /** Frequency of the host's time stamp counter, for emulated guests; null under KVM. */
  tscKHz: number | null;
}

export class Qemu implements Engine {
  readonly name = "qemu";
  readonly settleMs = SETTLE_MS;
  readonly acceleration: Acceleration;
  readonly versions: Record<string, string>;
  readonly fingerprint: string;
  readonly #host: string;
  readonly #binary: string;
  readonly #copiers: PageCopiers;
  /** One for all machines: starting a program would take longer than what it does. */
  readonly #passer = new FilePasser();
  readonly #jail: JailKind;
  readonly #kernelCommandLine: string;

  constructor(options: QemuOptions) {
    this.#host = options.host;
    this.#binary = options.binary;
    this.#copiers = new PageCopiers(options.agent);
    this.#jail = options.jail;
    this.acceleration = options.acceleration;
    this.versions = options.versions;
    this.#kernelCommandLine = kernelCommandLine(options.tscKHz);
    this.fingerprint = JSON.stringify([
      this.name,
      options.versions.qemu,
      qemuArguments({
        name: "",
        accelerator: this.acceleration.kind,
        size: { memoryMiB: 0, vcpus: 0 },
        kernel: "",
        kernelCommandLine: this.#kernelCommandLine,
        initramfs: "",
        rootLayers: [],
        memory: { path: "", shared: false },
        incoming: false,
      }),
    ]);
  }

  async boot({ boot, ...options }: BootOptions): Promise<CapturableVm> {
    const files = this.templateFiles(options.dir, false);
    await createFile(files.memory, ramMiB(options.size.memoryMiB) * 1024 * 1024);
    return await this.#startForCapture(options, files, { boot });
  }

  templateFiles(dir: string, rooted: boolean): TemplateFiles {
    const file = (name: string) => join(dir, name);
    return {
      memory: file("memory"),
      state: file("state"),
      disk: rooted ? { layer: file("disk.qcow2"), empty: file("empty.qcow2") } : null,
    };
  }

  async prepare({ root, ...options }: CloneOptions, template: TemplateFiles): Promise<WaitingVm> {
    const own = join(options.dir, "disk.qcow2");
    if (template.disk) await copyFile(template.disk.empty, own);
    const { vm, jail } = await this.#start(options, {
      boot: stubsIn(dirname(template.memory)),
      ...(template.disk && root && { root: { ...root, layers: [...root.layers, template.disk.layer], own } }),
      memory: { path: template.memory, shared: false },
      incoming: true,
      readable: [template.memory, template.state],
    });
    await enableMigration(vm);
    return Object.assign(vm, { load: () => loadState(vm, jail.name(template.state)) });
  }

  async prepareForCapture(
    { root, ...options }: CloneOptions & { root: RootDisk },
    template: TemplateFiles,
  ): Promise<CapturableVm & WaitingVm> {
    const files = this.templateFiles(options.dir, true);
    const { layer, empty } = files.disk!;
    await Promise.all([
      copySparse(template.memory, files.memory),
      createLayer(layer, root.capacityBytes),
      createLayer(empty, root.capacityBytes),
    ]);
    return await this.#startForCapture(options, files, {
      boot: stubsIn(dirname(template.memory)),
      root: { ...root, own: layer },
      state: template.state,
    });
  }

  async #startForCapture(
    options: VmOptions,
    files: TemplateFiles,
    from: { boot: BootFiles; root?: OwnRoot; state?: string },
  ): Promise<CapturableVm & WaitingVm> {
    const { state } = from;
    await createFile(files.state, 0);
    const { vm, jail } = await this.#start(options, {
      boot: from.boot,
      ...(from.root && { root: from.root }),
      memory: { path: files.memory, shared: true },
      writable: [files.memory, files.state],
      ...(state !== undefined && { incoming: true, readable: [state] }),
    });
    await enableMigration(vm);
    return Object.assign(vm, {
      load: () => loadState(vm, jail.name(state!)),
      capture: () => capture(vm, jail, options.dir, files),
    });
  }

  fork(parent: Vm, children: WaitingVm[], from: ForkedFrom, options: ForkOptions): Promise<(() => Promise<void>)[]> {
    return forkProcess(parent as QemuProcess, children as (WaitingVm & QemuProcess)[], from, options, this.#copiers);
  }

  async suspend(vm: Vm, from: ForkedFrom, options: SuspendOptions): Promise<void> {
    await suspendProcess(vm as QemuProcess, from, options, this.#copiers);
  }

  suspendedFiles(dir: string): string[] {
    return Object.values(suspendedFiles(dir));
  }

  revive(vm: WaitingVm, from: ForkedFrom, options: ReviveOptions): Promise<() => Promise<void>> {
    return reviveProcess(vm as WaitingVm & QemuProcess, from, options, this.#copiers);
  }

  async adopt(dir: string): Promise<Vm | null> {
    const vm = await adoptQemu(dir, this.#passer);
    // If it was being suspended when its server ended, it goes on.
    await removeSuspended(dir);
    void vm?.exited.then(() => removeGroups(basename(dir)));
    return vm;
  }

  sweep(runDir: string, isDoomed: (dir: string) => boolean): Promise<void> {
    return sweepQemus({ host: this.#host, runDir, isDoomed });
  }

  endSuspended(dir: string): Promise<void> {
    return endRecorded(dir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#copiers[Symbol.asyncDispose](), this.#passer[Symbol.asyncDispose]()]);
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
    const { dir } = options;
    const { boot, root, memory } = files;
    const writable = [...(root ? [root.own] : []), ...(files.writable ?? [])];
    if (user) for (const path of writable) await lchown(path, user.uid, user.gid);
    const readable = [boot.kernel, boot.initramfs, ...(root?.layers ?? []), ...(files.readable ?? [])];
    await using jail = await openJail(this.#jail, machinePlan({ writable, readable }, user));
    const args = qemuArguments({
      name: machineName(this.#host, dir),
      accelerator: this.acceleration.kind,
      size: options.size,
      kernel: jail.name(boot.kernel),
      kernelCommandLine: this.#kernelCommandLine,
      initramfs: jail.name(boot.initramfs),
      rootLayers: root ? [...root.layers, root.own].map(jail.name) : [],
      incoming: files.incoming ?? false,
      memory: { ...memory, path: jail.name(memory.path) },
    });
    const kvm = this.acceleration.kind === "kvm" ? await open("/dev/kvm", "r+") : null;
    try {
      const vm = await startQemu({
        command: [this.#binary, ...args],
        dir,
        jail,
        user,
        kvm: kvm?.fd ?? "ignore",
        passer: this.#passer,
      });
      const group = basename(dir);
      await limitProcess(vm.pid, group, options.size);
      if (root) await allowDisk(vm.pid, root.capacityBytes);
      void vm.exited.then(() => removeGroups(group));
      return { vm, jail };
    } finally {
      await kvm?.close();
    }
  }
}

/** A root disk, with the layer that the machine writes. */
type OwnRoot = RootDisk & { own: string };

interface StartFiles {
  boot: BootFiles;
  /** Absent: the machine has no root disk yet. */
  root?: OwnRoot;
  memory: { path: string; shared: boolean };
  incoming?: boolean;
  readable?: string[];
  writable?: string[];
}

async function createFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  await file.truncate(bytes);
  await file.close();
}

/** Copies a file of which most was never written. */
async function copySparse(from: string, to: string): Promise<void> {
  await run("cp", ["--sparse=auto", "--no-preserve=mode", from, to]);
}

async function capture(vm: QemuProcess, jail: Jail, dir: string, files: TemplateFiles): Promise<void> {
  await vm.pause();
  await saveState(vm, jail.name(files.state));
  await vm.qmp.execute("quit").catch(() => {});
  await vm.exited;
  await writeStubs(dir);
  for (const path of [...Object.values(socketsIn(dir)), join(dir, PROCESS_RECORD)]) await rm(path, { force: true });
  // The template becomes ours again; jailed processes read it as users of their own.
  const disk = files.disk ? [files.disk.layer] : [];
  const all = [files.memory, files.state, ...disk, ...Object.values(stubsIn(dir))];
  for (const path of all) await chown(path, process.getuid!(), process.getgid!());
  for (const file of all) await chmod(file, 0o444);
}
