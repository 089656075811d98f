/**
 * What the host needs from a virtual machine monitor. QEMU implements it; so can any other engine that passes
 * `testing/engine-suite.ts`.
 */
import type { DiskSpec } from "../contract.ts";

/** Files a machine boots from. */
export interface BootFiles {
  kernel: string;
  initramfs: string;
  /** qcow2 image of the root file system; never written. */
  rootDisk: string;
}

/** A captured machine: files in one folder that are never written again. */
export interface TemplateFiles {
  /** The guest's memory, mapped copy-on-write by every clone. */
  memory: string;
  /** State of CPUs and devices. */
  state: string;
  /** qcow2 overlay of the image's root disk as of the capture. */
  disk: string;
  /** An empty qcow2 overlay of `disk`: every clone starts with a copy of it. */
  overlay: string;
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
  boot: BootFiles;
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

export type VmExit = { code: number | null; signal: string | null; console: string };

/** A machine, or a process that waits to become one. */
export interface Vm {
  /** Process id of the monitor, on the host. */
  readonly pid: number;
  /** Unix sockets that carry the guest's serial ports. */
  readonly sockets: { control: string; egress: string };
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
  /** Kills the process; resolves when it is gone. */
  kill(): Promise<void>;
}

/** A machine booted to become a template. */
export interface CapturableVm extends Vm {
  /** Pauses the machine, saves its state and ends it. Its folder then contains the {@link TemplateFiles}. */
  capture(): Promise<void>;
}

/** A process that waits for a template's state. */
export interface WaitingVm extends Vm {
  /** Loads the state; the clone runs when this resolves. */
  load(): Promise<void>;
}

export interface Engine {
  readonly name: string;
  /** How guest code runs, and why. */
  readonly acceleration: Acceleration;
  /** Everything that must match between a template and its clones; part of a template's key. */
  readonly fingerprint: string;
  readonly versions: Record<string, string>;
  /** @throws {SpecError} `UNSUPPORTED` if this engine cannot attach these disks */
  checkDisks(disks: readonly DiskSpec[]): void;
  /** Boots from scratch, with private memory. Resolves when the process runs; the guest is still booting. */
  boot(options: VmOptions): Promise<Vm>;
  /** Boots from scratch, to be captured into `options.dir`. */
  bootForCapture(options: VmOptions): Promise<CapturableVm>;
  /** Names of a template's files in its folder. */
  templateFiles(dir: string): TemplateFiles;
  /** Prepares a captured template to be moved to its final place; `boot` is what it was booted from. */
  relocate(from: TemplateFiles, to: TemplateFiles, boot: BootFiles): Promise<void>;
  /** Starts a process that waits to become a clone. */
  prepare(options: VmOptions, template: TemplateFiles): Promise<WaitingVm>;
  /** Takes over a machine that an earlier process of ours started. Null if it no longer runs. */
  adopt(dir: string): Promise<Vm | null>;
  /** Kills what an earlier process of ours started in doomed folders of `runDir`, even if those folders are gone. */
  sweep(runDir: string, isDoomed: (dir: string) => boolean): Promise<void>;
}

export interface Acceleration {
  kind: "kvm" | "tcg";
  /** For people: why this mode. */
  reason: string;
}
