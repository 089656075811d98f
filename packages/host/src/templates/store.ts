/** All templates of a host: reused from earlier runs, or built if missing. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, type Logger } from "@sandkeep/common";
import type { Engine } from "../engine/engine.ts";
import { buildTemplate } from "./build.ts";
import { folderName, lastUse, memoryMiBOf, noteUse } from "./folder.ts";
import { keyText, type Template, type TemplateKey } from "./template.ts";

/** Templates that were not used for this long are removed. */
const UNUSED_MS = 24 * 60 * 60_000;

export interface TemplateStoreOptions {
  /** Folder of all templates; several hosts may share it. */
  dir: string;
  /** Where machines run, with short paths. */
  newFolder(): string;
  engine: Engine;
  log: Logger;
}

export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #ready = new Map<string, Template>();
  readonly #building = new Map<string, Promise<Template>>();
  readonly #closing = new AbortController();

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  /** The template, if this process already uses it. */
  get(key: TemplateKey): Template | undefined {
    return this.#ready.get(keyText(key));
  }

  /** The template, if this process uses it or an earlier run left it on disk. */
  async find(key: TemplateKey): Promise<Template | undefined> {
    return this.get(key) ?? (await this.#use(key));
  }

  /** The template, built if it does not exist yet. Concurrent callers share one build. */
  async ensure(key: TemplateKey): Promise<Template> {
    const ready = this.get(key);
    if (ready) return ready;
    const text = keyText(key);
    let building = this.#building.get(text);
    if (!building) {
      building = this.#findOrBuild(key).finally(() => this.#building.delete(text));
      this.#building.set(text, building);
    }
    return await building;
  }

  /**
   * Reuses templates that earlier runs left, and removes those not used for long, of other images or versions.
   *
   * @param keyOf the key of a template of a memory size, if it should be loaded now; others are found on request
   */
  async load(keyOf: (memoryMiB: number) => TemplateKey): Promise<void> {
    const { dir, engine } = this.#options;
    await mkdir(dir, { recursive: true });
    for (const name of await readdir(dir)) {
      const key = keyOf(memoryMiBOf(name));
      const used = await lastUse(join(dir, name));
      if (name === folderName(key, engine.fingerprint) && used !== null) await this.#use(key);
      else if (used === null || Date.now() - used > UNUSED_MS)
        await rm(join(dir, name), { recursive: true, force: true });
    }
  }

  /** Aborts unfinished builds. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#building.values());
  }

  async #findOrBuild(key: TemplateKey): Promise<Template> {
    const found = await this.#use(key);
    if (found) return found;
    const { engine, log, newFolder } = this.#options;
    const started = performance.now();
    const dir = newFolder();
    try {
      await buildTemplate(key, { engine, dir, target: this.#dirOf(key), log, signal: this.#closing.signal });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
    const template = await this.#use(key);
    if (!template) throw new Error("The template was removed as soon as it was built.");
    const ms = Math.round(performance.now() - started);
    log.info({ root: key.root.id, memoryMiB: key.size.memoryMiB, ms }, "template ready");
    return template;
  }

  /** Starts using a complete template, and records that. */
  async #use(key: TemplateKey): Promise<Template | undefined> {
    const dir = this.#dirOf(key);
    try {
      await noteUse(dir);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
    const template = { ...key, files: this.#options.engine.templateFiles(dir) };
    this.#ready.set(keyText(key), template);
    return template;
  }

  #dirOf(key: TemplateKey): string {
    return join(this.#options.dir, folderName(key, this.#options.engine.fingerprint));
  }
}
