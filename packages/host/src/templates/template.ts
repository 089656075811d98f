/** Templates: captured machines that clones start from, built once for each image, size and engine. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BootFiles, Engine, MachineSize, TemplateFiles } from "../engine/engine.ts";
import type { Log } from "../log.ts";
import { BOOT_HELLO_TIMEOUT_MS, connectGuest } from "../machines/clone.ts";
import { warmTemplate } from "./warmup.ts";

const run = promisify(execFile);

/**
 * Between the end of the warm-up and the capture: the agent gives up the connection, and the kernel writes back and frees.
 * What still runs at the capture runs in every clone.
 */
const SETTLE_MS = 1_000;
/** Templates that nobody took into use for this long are removed. */
const UNUSED_MS = 24 * 60 * 60_000;
/** The file that is in a template's folder when it is whole; its time says when it was last taken into use. */
const MARKER = "template";
/** Changes when the way a template is made changes. */
const RECIPE_VERSION = 2;

export interface Template {
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
  /** Folder of all templates; several hosts may share it. */
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

  /** Finds the templates of former runs, and removes those that nobody used for long: of other images or versions. */
  async load(sizes: (memoryMiB: number) => MachineSize): Promise<void> {
    await mkdir(this.#options.dir, { recursive: true });
    for (const name of await readdir(this.#options.dir)) {
      const size = sizes(Number(/^\d+/.exec(name)?.[0] ?? 0));
      const used = await lastUse(join(this.#options.dir, name));
      if (name === this.#folderName(size) && used !== null) await this.#use(size);
      else if (used === null || Date.now() - used > UNUSED_MS)
        await rm(join(this.#options.dir, name), { recursive: true, force: true });
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
      const target = join(this.#options.dir, this.#folderName(size));
      await engine.relocate(engine.templateFiles(dir), engine.templateFiles(target), image.boot);
      await publish(dir, target);
      const template = await this.#use(size);
      log.info({ memoryMiB: size.memoryMiB, ms: Math.round(performance.now() - started) }, "template ready");
      return template;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  /** Takes a template that is whole, and notes that it is in use. */
  async #use(size: MachineSize): Promise<Template> {
    const dir = join(this.#options.dir, this.#folderName(size));
    const now = new Date();
    await utimes(join(dir, MARKER), now, now);
    const template = { size, boot: this.#options.image.boot, files: this.#options.engine.templateFiles(dir) };
    this.#ready.set(size.memoryMiB, template);
    return template;
  }

  #folderName(size: MachineSize): string {
    const { engine, image } = this.#options;
    const inputs = JSON.stringify([RECIPE_VERSION, engine.fingerprint, image.id, image.boot, size]);
    return `${size.memoryMiB}-${createHash("sha256").update(inputs).digest("hex").slice(0, 16)}`;
  }
}

/** Moves a captured template to where it stays, all at once. One that is there already is as good. */
async function publish(dir: string, target: string): Promise<void> {
  await writeFile(join(dir, MARKER), "");
  await rename(dir, target).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTEMPTY" || error.code === "EEXIST") return;
    if (error.code !== "EXDEV") throw error;
    // From another file system: copied under another name first, so that it appears whole there too.
    const copy = `${target}.${process.pid}`;
    await run("cp", ["--recursive", "--preserve=all", "--sparse=always", dir, copy]);
    await rename(copy, target);
  });
}

/** When a template was last taken into use, in milliseconds since 1970; null when it is not whole. */
async function lastUse(dir: string): Promise<number | null> {
  return (await stat(join(dir, MARKER)).catch(() => null))?.mtimeMs ?? null;
}
