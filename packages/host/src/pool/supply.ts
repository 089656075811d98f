/** Makes the machines of a warm pool. */
import type { Logger } from "@sandkeep/common";
import type { Engine, Priority, WaitingVm } from "../engine/engine.ts";
import { type Clone, connectGuest, discard, killOnAbort, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
import { createFolder, removeFolder } from "../machines/folder.ts";
import type { Template } from "../templates/template.ts";
import { heatClone, warmClone } from "../templates/warmup.ts";

/** A process that waits for the template's state. */
export interface Prepared {
  vm: WaitingVm;
  dir: string;
}

export interface SupplyOptions {
  engine: Engine;
  template: Template;
  runDir: string;
  /** Authorities that its machines trust besides the image's, PEM. */
  caCertificates: string[];
  log: Logger;
}

/** What fails leaves nothing behind. */
export class Supply {
  readonly #options: SupplyOptions;
  readonly #closing = new AbortController();

  constructor(options: SupplyOptions) {
    this.#options = options;
  }

  async prepare(): Promise<Prepared> {
    const { engine, template, runDir } = this.#options;
    const dir = createFolder(runDir);
    try {
      return { dir, vm: await engine.prepare({ dir, size: template.size, boot: template.root.boot }, template.files) };
    } catch (error) {
      await removeFolder(dir);
      throw error;
    }
  }

  /** Returns a running clone. @throws the signal's reason once it is aborted, with the process gone */
  async load({ vm, dir }: Prepared, signal?: AbortSignal): Promise<Clone> {
    try {
      return await killOnAbort(vm, signal, async () => {
        await vm.load();
        return { vm, dir, guest: await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS) };
      });
    } catch (error) {
      await discard({ vm, dir });
      throw error;
    }
  }

  /** Returns a paused clone that has run what everybody runs. */
  async warm(priority: Priority): Promise<Clone> {
    const { caCertificates, log } = this.#options;
    const prepared = await this.prepare();
    prepared.vm.prioritize(priority);
    const clone = await this.load(prepared, this.#closing.signal);
    return { ...(await this.#paused(clone, priority, () => warmClone(clone, caCertificates, log))), trusts: true };
  }

  /** Makes a paused clone hot: it runs what many run first. */
  async heat(clone: Clone): Promise<Clone> {
    return await this.#paused(clone, "background", async () => {
      await clone.vm.resume();
      await heatClone(clone.guest, this.#options.log);
    });
  }

  /** Ends the machine that is being warmed up or heated. */
  close(): void {
    this.#closing.abort(new Error("The warm pool was closed."));
  }

  /** Does something with a clone for which nobody waits, and pauses it. */
  async #paused(clone: Clone, priority: Priority, work: () => Promise<void>): Promise<Clone> {
    const { vm } = clone;
    try {
      return await killOnAbort(vm, this.#closing.signal, async () => {
        vm.prioritize(priority);
        await work();
        await vm.pause();
        vm.prioritize("normal");
        return clone;
      });
    } catch (error) {
      await discard(clone);
      throw error;
    }
  }
}
