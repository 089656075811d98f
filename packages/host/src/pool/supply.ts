/** Makes the machines of a warm pool. */
import type { Logger } from "@sandkeep/common";
import type { Engine, WaitingVm } from "../engine/engine.ts";
import { type Clone, connectGuest, discard, RUNNING_HELLO_TIMEOUT_MS } from "../machines/clone.ts";
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

  /** Returns a running clone. */
  async load({ vm, dir }: Prepared): Promise<Clone> {
    try {
      await vm.load();
      return { vm, dir, guest: await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS) };
    } catch (error) {
      await discard({ vm, dir });
      throw error;
    }
  }

  /** Returns a paused clone that has run what everybody runs. */
  async warm(): Promise<Clone> {
    const { caCertificates, log } = this.#options;
    const prepared = await this.prepare();
    prepared.vm.prioritize("background");
    const clone = await this.load(prepared);
    return await atLeisure(clone, () => warmClone(clone, caCertificates, log));
  }

  /** Makes a paused clone hot: it runs what many run first. */
  async heat(clone: Clone): Promise<Clone> {
    return await atLeisure(clone, async () => {
      await clone.vm.resume();
      await heatClone(clone.guest, this.#options.log);
    });
  }
}

/** Does something with a clone for which nobody waits while others may be in use, and pauses it. */
async function atLeisure(clone: Clone, work: () => Promise<void>): Promise<Clone> {
  try {
    clone.vm.prioritize("background");
    await work();
    await clone.vm.pause();
    clone.vm.prioritize("normal");
    return clone;
  } catch (error) {
    await discard(clone);
    throw error;
  }
}
