/** Forks, pauses and resumes the machines of a host: what lets a machine continue elsewhere or later. */
import type { JailKind } from "@sandkeep/jail";
import { ForkError, type ForkSpec, type ResumeSpec } from "../../contract.ts";
import type { RunningMachine } from "../../machines/machine.ts";
import type { PausedMachines } from "../../machines/paused.ts";
import { explained } from "../../storage/explained.ts";
import type { HostParts } from "../parts.ts";
import { ForkMethods } from "./fork-method.ts";
import { Forking } from "./forking.ts";
import { Pausing } from "./pausing.ts";
import { Shortening } from "./shortening.ts";

/** Children from one pause: each costs a process and a copy of what its parent has changed. */
const MAX_CHILDREN = 32;

export class Continuations {
  readonly #parts: HostParts;
  readonly #forking: Forking;
  readonly #pausing: Pausing;
  readonly #paused: PausedMachines;
  readonly #shortening: Shortening;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Ids of children and of machines that are being resumed, and when they are there. */
  readonly #becoming = new Map<string, Promise<unknown>>();

  /** By id: machines that are being paused. */
  readonly #pauses = new Map<string, Promise<void>>();

  /** @param options.verdicts file with what is known of forks */
  constructor(
    parts: HostParts,
    { paused, verdicts, jail }: { paused: PausedMachines; verdicts: string; jail: JailKind },
  ) {
    this.#parts = parts;
    this.#paused = paused;
    this.#shortening = new Shortening({ paused, jail, log: parts.log });
    const methods = new ForkMethods(parts, { file: verdicts, jail });
    this.#forking = new Forking(parts, methods);
    this.#pausing = new Pausing(parts, methods, paused);
  }

  async fork(id: string, specs: ForkSpec[]): Promise<RunningMachine[]> {
    const parent = this.#find(id);
    if (specs.length === 0 || specs.length > MAX_CHILDREN)
      throw new ForkError("INVALID_FORK", `A sandbox can be forked into 1 to ${MAX_CHILDREN} at a time.`);
    return await this.#as(
      specs.map((spec) => spec.id),
      () => this.#forking.fork(parent, specs),
    );
  }

  async pause(id: string): Promise<void> {
    const pausing = this.#track(this.#pausing.pause(this.#find(id)));
    this.#pauses.set(id, pausing);
    try {
      await pausing;
      this.#shortening.soon(id);
    } finally {
      if (this.#pauses.get(id) === pausing) this.#pauses.delete(id);
    }
  }

  async resume(spec: ResumeSpec): Promise<RunningMachine> {
    const { id } = spec;
    return await this.#as([id], async () => {
      await this.#shortening.ready(id);
      try {
        return await explained(`the sandbox ${id}`, () => this.#pausing.resume(spec));
      } catch (error) {
        this.#shortening.soon(id);
        throw error;
      }
    });
  }

  /** Finishes what an earlier process did in the background. Call it before anything else. */
  async catchUp(): Promise<void> {
    await this.#shortening.catchUp();
  }

  async remove(id: string): Promise<void> {
    await this.#pauses.get(id)?.catch(() => {});
    if (this.#becoming.has(id)) throw new ForkError("NOT_PAUSED", `Sandbox ${id} is being resumed.`);
    await this.#shortening.stop(id);
    await this.#paused.remove(id);
  }

  /** Waits for machines that are becoming some: from then on they are among those that run, or paused. */
  async become(): Promise<void> {
    await Promise.allSettled(this.#becoming.values());
  }

  /** Gives an owner's paused machines to another one, also those that are being paused. */
  async setOwner(from: string, owner: string): Promise<void> {
    await Promise.allSettled(this.#pauses.values());
    await this.#paused.setOwner(from, owner);
  }

  /** Resolves when nothing is in progress any more. What nobody waits for ends. */
  async settled(): Promise<void> {
    await this.#shortening[Symbol.asyncDispose]();
    await Promise.allSettled(this.#underWay);
  }

  #find(id: string): RunningMachine {
    const machine = this.#parts.machines.get(id);
    if (!machine) throw new ForkError("UNKNOWN_MACHINE", `Sandbox ${id} does not run on this host.`);
    return machine;
  }

  /** Makes machines with ids that nothing else has. */
  async #as<Result>(ids: string[], make: () => Promise<Result>): Promise<Result> {
    const taken = ids.find((id, n) => this.#parts.machines.get(id) || this.#becoming.has(id) || ids.indexOf(id) !== n);
    if (taken !== undefined) throw new ForkError("INVALID_FORK", `There is a sandbox ${taken} already.`);
    const making = this.#track(make());
    for (const id of ids) this.#becoming.set(id, making);
    try {
      return await making;
    } finally {
      for (const id of ids) this.#becoming.delete(id);
    }
  }

  async #track<Result>(task: Promise<Result>): Promise<Result> {
    this.#underWay.add(task);
    try {
      return await task;
    } finally {
      this.#underWay.delete(task);
    }
  }
}
