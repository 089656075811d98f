/**
 * QEMU's command line for a microVM. A clone's must equal its template's except for paths, or the state does not fit.
 */
import { PORTS } from "../../guest/contract.ts";
import type { MachineSize } from "../engine.ts";
import { driveArguments } from "./slots/slots.ts";

/**
 * Cache of translated guest code per machine, in MiB. QEMU reserves it and only touches what it uses, so this limits
 * the cost of a machine that runs a lot of different code.
 */
const TRANSLATION_CACHE_MIB = 128;
/** How much of the guest's console is kept for diagnosis, in KiB; a power of two. */
const CONSOLE_KIB = 64;

/**
 * Turn off what makes an emulated processor slower:
 * - The protection of user memory from kernel bugs: every time it is lifted or set, a translated block ends.
 * - Fast string instructions: kernels and C libraries copy memory with them where they exist, but emulated they move one
 *   byte at a time.
 */
const EMULATED_CPU = "max,-smap,-erms,-fsrm,-fsrs,-fzrm,-fsrc";

/**
 * Whether there is an interval timer (8254). QEMU's own starts at reset and never stops, because a kernel that has another clock does not touch
 * it: it woke an idle emulated machine 36 times a second, which was nine tenths of what the machine used. KVM's stands still until it is set.
 */
const INTERVAL_TIMER = { kvm: "pit=auto", tcg: "pit=off" } as const;

/**
 * Inherited descriptors: the first monitor, `/dev/kvm` if used, and listening sockets: one for later monitor
 * connections, those of the ports, and one for files.
 */
export const MONITOR_FD = 4;
export const KVM_FD = 5;
export const QMP_FD = 6;
export const CONTROL_FD = 7;
export const EGRESS_FD = 8;
/** A monitor that takes files, for which another process connects. */
export const FILES_FD = 9;

/** Turn off costly hardening in the guest's kernel: a guest has nobody to protect from itself. */
const KERNEL_WORDS = ["console=ttyS0", "quiet", "reboot=t", "panic=-1", "mitigations=off", "init_on_alloc=0", "psi=0"];

/**
 * What QEMU and all programs that start it call a machine in their command lines, by which it is found if it is left
 * behind. Another server, in a container for example, may have the same folder, but not the same id.
 *
 * @param host the host's id
 * @param dir the machine's folder
 */
export function machineName(host: string, dir: string): string {
  return `${host}:${dir}`;
}

/** @param tscKHz for an emulated guest; under KVM the kernel asks the hypervisor */
export function kernelCommandLine(tscKHz: number | null): string {
  const clock = tscKHz === null ? [] : ["tsc=reliable", `tsc_early_khz=${tscKHz}`, "no_timer_check"];
  return [...KERNEL_WORDS, ...clock].join(" ");
}

export interface CommandOptions {
  /** Shown by `ps`: see {@link machineName}. */
  name: string;
  accelerator: "kvm" | "tcg";
  size: MachineSize;
  /** Mapped shared when making a template, copy-on-write for a clone. */
  memory: { path: string; shared: boolean };
  kernel: string;
  kernelCommandLine: string;
  initramfs: string;
  /** Paths of the root disk's layers, from the bottom up; empty: it is plugged later. */
  rootLayers: string[];
  /** Whether to wait for a state instead of booting. */
  incoming: boolean;
}

export function qemuArguments(options: CommandOptions): string[] {
  const { size } = options;
  const memoryMiB = ramMiB(size.memoryMiB);
  const bytes = `size=${memoryMiB}M`;
  const sharing = options.memory.shared ? "share=on" : "share=off,readonly=on,rom=off";
  const backend = `memory-backend-file,id=m0,${bytes},mem-path=${optionValue(options.memory.path)},${sharing}`;
  const listen = (id: string, descriptor: number) => [
    "-chardev",
    `socket,id=${id},fd=${descriptor},server=on,wait=off`,
  ];
  return [
    "-name",
    optionValue(options.name),
    "-M",
    `microvm,acpi=on,pcie=off,usb=off,${INTERVAL_TIMER[options.accelerator]},memory-backend=m0`,
    // KVM is passed as a descriptor, so that the jailed user need not be allowed to open it.
    ...(options.accelerator === "kvm" ? ["-add-fd", `fd=${KVM_FD},set=1`] : []),
    "-accel",
    options.accelerator === "kvm" ? "kvm,device=/dev/fdset/1" : `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MIB}`,
    "-cpu",
    options.accelerator === "kvm" ? "host" : EMULATED_CPU,
    "-smp",
    String(size.vcpus),
    "-m",
    String(memoryMiB),
    "-object",
    backend,
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-kernel",
    options.kernel,
    "-initrd",
    options.initramfs,
    "-append",
    options.kernelCommandLine,
    "-chardev",
    `ringbuf,id=console,size=${CONSOLE_KIB}K`,
    "-serial",
    "chardev:console",
    // Before the serial ports: the guest finds disks by their place among them.
    ...driveArguments(options.rootLayers),
    "-device",
    "virtio-serial-device,max_ports=3",
    ...listen("control", CONTROL_FD),
    "-device",
    `virtserialport,chardev=control,name=${PORTS.control}`,
    ...listen("egress", EGRESS_FD),
    "-device",
    `virtserialport,chardev=egress,name=${PORTS.egress}`,
    // One monitor on an inherited socket, whose first message means that QEMU is up; another for later connections.
    "-chardev",
    `socket,id=monitor,fd=${MONITOR_FD}`,
    "-mon",
    "chardev=monitor,mode=control",
    ...listen("qmp", QMP_FD),
    "-mon",
    "chardev=qmp,mode=control",
    ...listen("files", FILES_FD),
    "-mon",
    "chardev=files,mode=control",
    ...(options.incoming ? ["-incoming", "defer"] : []),
  ];
}

/** With this size QEMU places the initramfs over the ACPI tables: both end at 2 GiB, and the guest crashes at once. */
const COLLIDING_MIB = 2_048;

/** Memory that a machine of this size actually gets, in MiB. */
export function ramMiB(memoryMiB: number): number {
  return memoryMiB === COLLIDING_MIB ? memoryMiB + 1 : memoryMiB;
}

/** Doubles commas, which separate options in QEMU's syntax. */
export function optionValue(path: string): string {
  return path.replaceAll(",", ",,");
}
