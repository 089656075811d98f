/** Templates: captured machines that clones start from, built once for each image, size and engine. */
import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BootFiles, Engine, MachineSize, TemplateFiles } from "../engine/engine.ts";
import type { Log } from "../log.ts";
import { BOOT_HELLO_TIMEOUT_MS, connectGuest } from "../machines/clone.ts";
import { warmTemplate } from "./warmup.ts";

/**
 * Between the end of the warm-up and the capture: the agent gives up the connection, and the kernel writes back and frees.
 * What still runs at the capture runs in every clone.
 */
const SETTLE_MS = 1_000;
/** Changes when the way a template is made changes. */
const RECIPE_VERSION = 1;

export interface Template {
  key: string;
  size: MachineSize;
  boot: BootFiles;
  files: TemplateFiles;
}

/** The root image templates are made of. */
export interface TemplateImage {
  id: string;
  boot: BootFiles;
}

export interface TemplateStoreOptions {
  /** Folder of all templates. */
  dir: string;
  /** Where machines run, with short paths. */
  newFolder(): string;
  engine: Engine;
  image: TemplateImage;
  log: Log;
}

export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #ready = new Map<number, Template>();
  readonly #building = new Map<number, Promise<Template>>();
  readonly #closing = new AbortController();

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /** The template of a size, if it is there. */
  get(memoryMiB: number): Template | undefined {
    return this.#ready.get(memoryMiB);
  }

  /** The template of a size, built if it is not there yet. Callers at the same time share one build. */
  ensure(size: MachineSize): Promise<Template> {
    const ready = this.#ready.get(size.memoryMiB);
    if (ready) return Promise.resolve(ready);
    let building = this.#building.get(size.memoryMiB);
    if (!building) {
      building = this.#build(size).finally(() => this.#building.delete(size.memoryMiB));
      this.#building.set(size.memoryMiB, building);
    }
    return building;
  }

  /** Finds the templates a former run left, and removes those of other images or versions. */
  async load(sizes: (memoryMiB: number) => MachineSize): Promise<void> {
    await mkdir(this.#options.dir, { recursive: true });
    for (const name of await readdir(this.#options.dir)) {
      const memoryMiB = Number(/^\d+/.exec(name)?.[0] ?? 0);
      const size = sizes(memoryMiB);
      if (name === this.#folderName(size) && (await isFile(join(this.#options.dir, name, "template.json")))) {
        this.#ready.set(memoryMiB, this.#template(size));
      } else await rm(join(this.#options.dir, name), { recursive: true, force: true });
    }
  }

  /** Gives up what is being built. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#building.values());
  }

  async #build(size: MachineSize): Promise<Template> {
    const { engine, image, log } = this.#options;
    const started = performance.now();
    const dir = this.#options.newFolder();
    try {
      this.#closing.signal.throwIfAborted();
      const vm = await engine.bootForCapture({ dir, size, boot: image.boot });
      const giveUp = () => void vm.kill();
      this.#closing.signal.addEventListener("abort", giveUp, { once: true });
      try {
        this.#closing.signal.throwIfAborted();
        const guest = await connectGuest(vm, BOOT_HELLO_TIMEOUT_MS);
        await warmTemplate(guest, log);
        guest.close();
        await guest.ended;
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        await vm.capture();
      } finally {
        this.#closing.signal.removeEventListener("abort", giveUp);
        await vm.kill();
      }
      // The disk's overlays name their backing file by path, so they are written for where the template will stay.
      const template = this.#template(size);
      const target = join(this.#options.dir, this.#folderName(size));
      await rm(target, { recursive: true, force: true });
      await rename(dir, target);
      await engine.relocate(template.files);
      await writeFile(join(target, "template.json"), JSON.stringify({ image: image.id, size, engine: engine.fingerprint }));
      this.#ready.set(size.memoryMiB, template);
      log.info({ memoryMiB: size.memoryMiB, ms: Math.round(performance.now() - started) }, "template ready");
      return template;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  #template(size: MachineSize): Template {
    const dir = join(this.#options.dir, this.#folderName(size));
    return { key: this.#folderName(size), size, boot: this.#options.image.boot, files: this.#options.engine.templateFiles(dir) };
  }

  #folderName(size: MachineSize): string {
    const { engine, image } = this.#options;
    const inputs = JSON.stringify([RECIPE_VERSION, engine.fingerprint, image.id, image.boot, size]);
    return `${size.memoryMiB}-${createHash("sha256").update(inputs).digest("hex").slice(0, 16)}`;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
