/**
 * What the host needs from a virtual machine monitor. QEMU implements it; so can any other engine that passes
 * `testing/engine-suite.ts`.
 */
/** Disks that a machine can have besides its root: each has a slot for them from its start, which costs nothing to speak of. */
export const SLOTS = 8;

/** Files a machine boots from. */
export interface BootFiles {
  kernel: string;
  initramfs: string;
}

/** What is below a machine's own layer of its root disk. */
export interface RootDisk {
  /** Layers of qcow2 that are never written, from the bottom up. None has the name of another file in it. */
  layers: readonly string[];
  /** As the guest sees it. */
  capacityBytes: number;
}

/** A captured machine: files in one folder that are never written again. */
export interface TemplateFiles {
  /** The guest's memory, mapped copy-on-write by every clone. */
  memory: string;
  /** State of CPUs and devices. */
  state: string;
  /** What it has on top of its root disk, null if it was captured before it had one; and a layer to start clones with. */
  disk: { layer: string; empty: string } | null;
}

/** Size of a machine. Clones have the size of their template. */
export interface MachineSize {
  memoryMiB: number;
  vcpus: number;
}

export interface VmOptions {
  /**
   * Folder for the machine's disk and sockets; removed with it. It belongs to the server: code in the machine can write
   * the contents of files that are given to it, but cannot create any. Absolute, and short enough for unix sockets
   * inside it.
   */
  dir: string;
  size: MachineSize;
}

export interface BootOptions extends VmOptions {
  boot: BootFiles;
}

export interface CloneOptions extends VmOptions {
  /** The template's root, on which the clone gets a layer of its own; absent if the template has none. */
  root?: RootDisk;
}

/** What a machine's process has used. */
export interface VmUsage {
  /** Processor time since it started, in seconds. */
  cpuSeconds: number;
  /** Memory that it shares with no other process, in bytes. */
  memoryBytes: number;
}

/** `background`: only what machines that are in use leave over. */
export type Priority = "normal" | "background";

/** A disk for a slot. */
export interface SlotDisk {
  /** Paths of its layers, from the bottom up. Only the last one is written. */
  layers: readonly string[];
  /** Size of the device, to which the last layer grows if it is smaller. Absent: it has its size already. */
  bytes?: number;
  /** Default true: what a guest has flushed to the disk survives a crash of the host, which costs time. */
  durable?: boolean;
  /** Its files are opened at once, but only after this are they written, and does the device get them. */
  ready?: Promise<void>;
}

/** The root disk, in place of a slot. */
export const ROOT_SLOT = -1;

/**
 * The slots of a machine, from 0 to {@link SLOTS} − 1, and {@link ROOT_SLOT}. The guest must not use a slot while a disk
 * comes or goes.
 */
export interface VmSlots {
  /** If it fails, {@link unplug} closes what may be left open. */
  plug(slot: number, disk: SlotDisk): Promise<void>;
  /** When this resolves, everything is in the layers' files, and they are closed. An empty slot stays as it is. */
  unplug(slot: number): Promise<void>;
  /** How many layers the disk in the slot has, as the monitor says; 0 if the slot is empty. */
  depth(slot: number): Promise<number>;
  /**
   * Puts an empty layer on top of the disk, whose present layers are never written again.
   *
   * @param moment called when everything is ready, with what does it, in a millisecond; it may also decide not to
   */
  addLayer(
    slot: number,
    layer: { path: string; bytes: number; durable?: boolean },
    moment: (take: () => Promise<void>) => Promise<void>,
  ): Promise<void>;
  /** Changes the size of the device while the guest uses it. */
  resize(slot: number, bytes: number): Promise<void>;
}

export type VmExit = { code: number | null; signal: string | null; console: string };

/** A machine, or a process that waits to become one. */
export interface Vm {
  /** Process id of the monitor, on the host. */
  readonly pid: number;
  /** Unix sockets that carry the guest's serial ports. */
  readonly sockets: { control: string; egress: string };
  readonly slots: VmSlots;
  /** Resolves when the process is gone. */
  readonly exited: Promise<VmExit>;
  /** Stops the virtual CPUs; memory and devices stay. */
  pause(): Promise<void>;
  /** Resumes the virtual CPUs. */
  resume(): Promise<void>;
  /** Sets its share of the processors, where this process may; a new machine's is `normal`. */
  prioritize(priority: Priority): void;
  /** The end of the guest's console output. */
  console(): Promise<string>;
  /** Usage as counted by the kernel; null when the process is gone. */
  usage(): VmUsage | null;
  /**
   * Detaches from the process, which keeps running, so that {@link Engine.adopt} can take it over. `exited` need not
   * resolve afterwards.
   */
  release(): void;
  /**
   * Ends the process so that its disks are properly closed. Resolves to whether it did that in time; otherwise it still
   * runs.
   */
  quit(timeoutMs: number): Promise<boolean>;
  /** Kills the process; resolves when it is gone. */
  kill(): Promise<void>;
}

/** A machine that becomes a template. */
export interface CapturableVm extends Vm {
  /** Pauses the machine, saves its state and ends it. Its folder then contains the {@link TemplateFiles}. */
  capture(): Promise<void>;
}

/** A process that waits for a template's state. */
export interface WaitingVm extends Vm {
  /** Loads the state; the clone runs when this resolves. */
  load(): Promise<void>;
}

/** What a machine was made from: its children, and the process that continues it, are made from the same. */
export interface ForkedFrom {
  template: TemplateFiles;
  root: RootDisk;
  /** Which engine started it, in short: only the same can continue it. */
  engine: string;
}

/** What must be known of a machine to suspend it, and to revive it. */
export interface Suspended {
  /** Names of its disk's own layers in its folder, from the bottom up. */
  own: readonly string[];
  method: ForkMethod;
}

export interface SuspendOptions extends Suspended {
  /** Called when everything is ready, right before the machine is paused. */
  beforePause(): Promise<void>;
  /**
   * Called when everything is on disk: the machine is suspended once this resolves, to where its folder is from then on.
   */
  commit(): Promise<string>;
}

export interface ReviveOptions extends Suspended {
  /** Where it was suspended. Nothing there is written. */
  dir: string;
  /** Name of the next layer of its disk. */
  next: string;
}

/**
 * How a machine's state gets into another process. `copy`: the state of its devices alone, and those pages of memory
 * that it has changed. This depends on the internals of the monitor's version. `migration`: everything, slowly.
 */
export type ForkMethod = "copy" | "migration";

export interface ForkOptions {
  /** Names of the parent's own layers in its folder, from the bottom up. The children get them too. */
  own: readonly string[];
  /** Name of the next layer, which the parent and each child get in their folders. */
  next: string;
  method: ForkMethod;
  /** Called when everything is ready, right before the parent is paused. */
  beforePause(): Promise<void>;
  /** The parent goes on, after a pause of so many milliseconds. */
  onContinued(pausedMs: number): void;
}

/** Disposing it ends the programs that help it, not its machines. */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  /** How guest code runs, and why. */
  readonly acceleration: Acceleration;
  /** Everything that must match between a template and its clones; part of a template's key. */
  readonly fingerprint: string;
  readonly versions: Record<string, string>;
  /**
   * Time between a machine's warm-up and its capture, in milliseconds, in which the agent closes the connection and the
   * kernel writes back and frees memory. Whatever still runs at the capture runs in every clone.
   */
  readonly settleMs: number;
  /**
   * Boots from scratch, without a root disk, to be captured into `options.dir`. Resolves when the process runs; the guest
   * is still booting.
   */
  boot(options: BootOptions): Promise<CapturableVm>;
  /** Names of a template's files in its folder. @param rooted whether it has a root disk */
  templateFiles(dir: string, rooted: boolean): TemplateFiles;
  /** Starts a process that waits to become a clone. */
  prepare(options: CloneOptions, template: TemplateFiles): Promise<WaitingVm>;
  /** Starts a process that waits to become a clone, to be captured into `options.dir` as a template with a root. */
  prepareForCapture(
    options: CloneOptions & { root: RootDisk },
    template: TemplateFiles,
  ): Promise<WaitingVm & CapturableVm>;
  /**
   * Makes processes that wait for a template's state copies of a running machine of the same template, as of one moment.
   * They are indistinguishable from the parent until they get an identity. If it fails, the parent goes on; the children
   * must be killed. Resolves to what lets each of them run, in their order.
   */
  fork(parent: Vm, children: WaitingVm[], from: ForkedFrom, options: ForkOptions): Promise<(() => Promise<void>)[]>;
  /**
   * Writes a running machine into its folder and ends it. Until `commit` has resolved, it can go on, and does if something
   * fails; from then on it is suspended, whatever happens.
   */
  suspend(vm: Vm, from: ForkedFrom, options: SuspendOptions): Promise<void>;
  /** Paths of what suspending a machine in a folder writes there, besides the layers of its disk. */
  suspendedFiles(dir: string): string[];
  /**
   * Makes a waiting process the machine that was suspended in a folder, with a new layer on top of its disk. What is in
   * the folder stays as it is, so this can be tried again. Resolves to what lets it run.
   */
  revive(vm: WaitingVm, from: ForkedFrom, options: ReviveOptions): Promise<() => Promise<void>>;
  /** Takes over a machine that an earlier process of ours started. Null if it no longer runs. */
  adopt(dir: string): Promise<Vm | null>;
  /** Kills what an earlier process of ours started in doomed folders of `runDir`, even if those folders are gone. */
  sweep(runDir: string, isDoomed: (dir: string) => boolean): Promise<void>;
  /** Kills what an earlier process of ours suspended and did not end any more. @param dir where the folders of suspended machines are */
  endSuspended(dir: string): Promise<void>;
}

export interface Acceleration {
  kind: "kvm" | "tcg";
  /** For people: why this mode. */
  reason: string;
}
