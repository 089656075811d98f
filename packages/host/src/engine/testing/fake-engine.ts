/**
 * For tests of code that uses an engine: machines that are sockets in folders, with an agent that accepts everything.
 * They start, pause and end at once, and a test can make them fail.
 */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type AgreeableAgent, agreeableAgent } from "../../testing/agreeable-agent.ts";
import {
  type BootOptions,
  type CapturableVm,
  type CloneOptions,
  type Engine,
  type ForkedFrom,
  type ForkOptions,
  type Priority,
  type ReviveOptions,
  ROOT_SLOT,
  type SlotDisk,
  type SuspendOptions,
  type TemplateFiles,
  type Vm,
  type VmExit,
  type VmOptions,
  type VmSlots,
  type WaitingVm,
} from "../engine.ts";

export class FakeEngine implements Engine {
  readonly name = "fake";
  readonly acceleration = { kind: "tcg", reason: "there is no machine" } as const;
  readonly fingerprint: string;
  readonly versions = {};
  readonly settleMs = 0;
  isDisposed = false;
  /** Every machine that was started, oldest first. */
  readonly vms: FakeVm[] = [];
  /** Starting a machine waits for this, or fails with its error. */
  starting: () => Promise<void> = async () => {};
  /** Called with the folder of a machine that was captured. */
  captured: (dir: string) => void = () => {};
  /** Loading a template's state waits for this, or fails with its error. */
  loading: () => Promise<void> = async () => {};

  /** Confirming that a machine runs again waits for this, or fails with its error. */
  resuming: () => Promise<void> = async () => {};

  constructor(fingerprint = "fake 1") {
    this.fingerprint = fingerprint;
  }

  /** Machines that have not ended. */
  get alive(): FakeVm[] {
    return this.vms.filter(({ state }) => state !== "ended");
  }

  boot(options: BootOptions): Promise<CapturableVm> {
    return this.#start(options, "running", false);
  }

  prepare(options: CloneOptions): Promise<WaitingVm> {
    return this.#start(options, "waiting", true);
  }

  prepareForCapture(options: CloneOptions): Promise<WaitingVm & CapturableVm> {
    return this.#start(options, "waiting", true);
  }

  templateFiles(dir: string, rooted: boolean): TemplateFiles {
    const file = (name: string) => join(dir, name);
    return {
      memory: file("memory"),
      state: file("state"),
      disk: rooted ? { layer: file("layer"), empty: file("empty") } : null,
    };
  }

  /** Forking waits for this, or fails with its error. */
  forking: () => Promise<void> = async () => {};
  /** Suspending a machine waits for this, or fails with its error, before and after the commit. */
  suspending: (step: "saved" | "committed") => Promise<void> = async () => {};
  /** Reviving a machine waits for this, or fails with its error. */
  reviving: () => Promise<void> = async () => {};

  async fork(
    parent: Vm,
    children: WaitingVm[],
    from: ForkedFrom,
    options: ForkOptions,
  ): Promise<(() => Promise<void>)[]> {
    await options.beforePause();
    await this.forking();
    for (const vm of [parent, ...children]) giveRoot(vm, from, [...options.own, options.next]);
    options.onContinued(0);
    return children.map((child) => () => child.load());
  }

  async suspend(vm: Vm, _from: ForkedFrom, { beforePause, commit }: SuspendOptions): Promise<void> {
    const suspended = vm as FakeVm;
    try {
      await beforePause();
      await suspended.pause();
      await this.suspending("saved");
      suspended.dir = await commit();
    } catch (error) {
      await suspended.resume();
      throw error;
    }
    await this.suspending("committed");
    await suspended.kill();
  }

  suspendedFiles(): string[] {
    return [];
  }

  async revive(vm: WaitingVm, from: ForkedFrom, { own, next }: ReviveOptions): Promise<() => Promise<void>> {
    await this.reviving();
    giveRoot(vm, from, [...own, next]);
    return () => vm.load();
  }

  /** Finds machines that it started itself: a test plays both the earlier process and the later one. */
  async adopt(dir: string): Promise<Vm | null> {
    return this.alive.find((vm) => vm.dir === dir) ?? null;
  }

  async sweep(runDir: string, isDoomed: (dir: string) => boolean): Promise<void> {
    const doomed = this.alive.filter(({ dir }) => dirname(dir) === runDir && isDoomed(dir));
    await Promise.all(doomed.map((vm) => vm.kill()));
  }

  async endSuspended(dir: string): Promise<void> {
    await this.sweep(dir, () => true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }

  async #start(options: FakeVm["options"], state: "waiting" | "running", rooted: boolean): Promise<FakeVm> {
    await this.starting();
    const vm = new FakeVm(options, this, await agreeableAgent(join(options.dir, "control")), state, rooted);
    this.vms.push(vm);
    return vm;
  }
}

/** Gives a machine a disk with layers of its own. */
function giveRoot(vm: Vm, { template, root }: ForkedFrom, own: string[]): void {
  const { dir, slots } = vm as FakeVm;
  const base = template.disk ? [...root.layers, template.disk.layer] : root.layers;
  const layers = [...base, ...own.map((name) => join(dir, name))];
  slots.disks.set(ROOT_SLOT, { layers, bytes: root.capacityBytes });
}

export class FakeVm implements CapturableVm, WaitingVm {
  readonly pid = process.pid;
  readonly options: VmOptions & Partial<BootOptions & CloneOptions>;
  /** Where its folder is. */
  dir: string;
  readonly #rooted: boolean;
  readonly agent: AgreeableAgent;
  readonly sockets: Vm["sockets"];
  readonly slots = new FakeSlots();
  readonly exited: Promise<VmExit>;
  state: "waiting" | "running" | "paused" | "ended";
  priority: Priority = "normal";
  readonly #engine: FakeEngine;
  readonly #exit: (exit: VmExit) => void;

  constructor(
    options: FakeVm["options"],
    engine: FakeEngine,
    agent: AgreeableAgent,
    state: "waiting" | "running",
    rooted: boolean,
  ) {
    this.options = options;
    this.dir = options.dir;
    this.#rooted = rooted;
    this.agent = agent;
    this.state = state;
    this.#engine = engine;
    this.sockets = { control: join(options.dir, "control"), egress: join(options.dir, "egress") };
    const { promise, resolve } = Promise.withResolvers<VmExit>();
    this.exited = promise;
    this.#exit = resolve;
  }

  async load(): Promise<void> {
    await Promise.race([this.#engine.loading(), this.exited]);
    this.#become("running");
  }

  async pause(): Promise<void> {
    this.#become("paused");
  }

  async resume(): Promise<void> {
    this.#become("running");
    await Promise.race([this.#engine.resuming(), this.exited]);
    if (this.state === "ended") throw new Error("The machine has ended.");
  }

  async console(): Promise<string> {
    return "";
  }

  prioritize(priority: Priority): void {
    this.priority = priority;
  }

  usage(): null {
    return null;
  }

  async capture(): Promise<void> {
    const { memory, state, disk } = this.#engine.templateFiles(this.options.dir, this.#rooted);
    for (const path of [memory, state, ...Object.values(disk ?? {})]) await writeFile(path, "captured");
    this.#engine.captured(this.options.dir);
    await this.kill();
  }

  release(): void {}

  async quit(): Promise<boolean> {
    if (this.state !== "ended") await this.#end({ code: 0, signal: null, console: "" });
    return true;
  }

  /** Ends the machine, as if it had crashed. */
  async kill(): Promise<void> {
    await this.#end({ code: null, signal: "SIGKILL", console: "" });
  }

  async #end(exit: VmExit): Promise<void> {
    this.state = "ended";
    this.agent.close();
    this.#exit(exit);
  }

  #become(state: "running" | "paused"): void {
    if (this.state === "ended") throw new Error("The machine has ended.");
    this.state = state;
  }
}

/** Slots that remember which files they were given. */
export class FakeSlots implements VmSlots {
  readonly disks = new Map<number, { layers: string[]; bytes: number }>();
  /** Plugging a disk waits for this, or fails with its error. */
  plugging: () => Promise<void> = async () => {};
  /** Unplugging one waits for this, or fails with its error. */
  unplugging: () => Promise<void> = async () => {};

  async plug(slot: number, { layers, bytes, ready }: SlotDisk): Promise<void> {
    await this.plugging();
    await ready;
    this.disks.set(slot, { layers: [...layers], bytes: bytes ?? 0 });
  }

  async unplug(slot: number): Promise<void> {
    await this.unplugging();
    this.disks.delete(slot);
  }

  async depth(slot: number): Promise<number> {
    return this.disks.get(slot)?.layers.length ?? 0;
  }

  async addLayer(
    slot: number,
    layer: { path: string; bytes: number },
    moment: (take: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    await moment(async () => void this.disks.get(slot)!.layers.push(layer.path));
  }

  async resize(slot: number, bytes: number): Promise<void> {
    this.disks.get(slot)!.bytes = bytes;
  }
}
