/** All templates of a host: reused from earlier runs, or built if missing. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, type Logger } from "@sandkeep/common";
import type { Engine } from "../engine/engine.ts";
import { beforeRoot } from "../roots.ts";
import { buildRootless, buildTemplate } from "./build.ts";
import { bytesOf, factsOf, folderName, lastUse, memoryMiBOf, noteUse, removeTemplate } from "./folder.ts";
import { keyText, type Template, type TemplateKey } from "./template.ts";

/** Templates that were not used for this long are removed. */
const UNUSED_MS = 24 * 60 * 60_000;
/** What templates of snapshots may take on disk, in bytes: twenty, of 200 MB each. */
const SNAPSHOTS_BYTES = 4 * 1024 ** 3;

export interface TemplateStoreOptions {
  /** Folder of templates; several hosts may share it. */
  dir: string;
  /** Folder of templates of snapshots, which are this host's own; default: the same. */
  snapshotsDir?: string;
  /** Where machines run, with short paths. */
  newFolder(): string;
  engine: Engine;
  log: Logger;
  /** Default: 4 GiB. */
  snapshotsBytes?: number;
}

interface Build {
  key: TemplateKey;
  template: Promise<Template>;
  stop: AbortController;
}

export class TemplateStore {
  readonly #options: TemplateStoreOptions;
  readonly #ready = new Map<string, Template>();
  readonly #building = new Map<string, Build>();
  readonly #closing = new AbortController();
  /** Called before a template is removed: nothing may be made from it any more. */
  onRemoval: (template: Template) => Promise<void> = async () => {};

  constructor(options: TemplateStoreOptions) {
    this.#options = options;
  }

  get #snapshotsDir(): string {
    return this.#options.snapshotsDir ?? this.#options.dir;
  }

  /** The template, if this process already uses it. */
  get(key: TemplateKey): Template | undefined {
    return this.#ready.get(keyText(key));
  }

  /** The template, if this process uses it or an earlier run left it on disk. */
  async find(key: TemplateKey): Promise<Template | undefined> {
    return await this.#use(key);
  }

  /** The template, built if it does not exist yet. Concurrent callers share one build. */
  async ensure(key: TemplateKey): Promise<Template> {
    const ready = this.get(key);
    if (ready) return ready;
    const text = keyText(key);
    let build = this.#building.get(text);
    if (!build) {
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, this.#closing.signal]);
      const template = this.#findOrBuild(key, signal).finally(() => this.#building.delete(text));
      build = { key, template, stop };
      this.#building.set(text, build);
    }
    return await build.template;
  }

  /**
   * Reuses templates that earlier runs left, and removes those not used for long, of other images or versions.
   *
   * @param keysOf keys of templates of a memory size that should be loaded now; others are found on request
   */
  async load(keysOf: (memoryMiB: number) => TemplateKey[]): Promise<void> {
    const { dir, engine } = this.#options;
    for (const folder of new Set([dir, this.#snapshotsDir])) {
      await mkdir(folder, { recursive: true });
      for (const name of await readdir(folder)) {
        const key = keysOf(memoryMiBOf(name)).find((key) => name === folderName(key, engine.fingerprint));
        const used = await lastUse(join(folder, name));
        if (key && used !== null) await this.#use(key);
        else if (used === null || Date.now() - used > UNUSED_MS) await removeTemplate(join(folder, name));
      }
    }
  }

  /** Removes all templates of a root, which is gone. */
  async forget(rootId: string): Promise<void> {
    const dir = this.#snapshotsDir;
    const builds = [...this.#building.values()].filter(({ key }) => key.root.id === rootId);
    for (const { stop } of builds) stop.abort(new Error("The root of the template was removed."));
    await Promise.allSettled(builds.map(({ template }) => template));
    for (const name of await readdir(dir)) {
      if ((await factsOf(join(dir, name)))?.root === rootId) await this.#remove(join(dir, name));
    }
  }

  /** Aborts unfinished builds. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#building.values()].map(({ template }) => template));
  }

  async #findOrBuild(key: TemplateKey, signal: AbortSignal): Promise<Template> {
    const found = await this.#use(key);
    if (found) return found;
    const { engine, log, newFolder } = this.#options;
    const rootless = key.root.disk && (await this.ensure({ ...key, root: beforeRoot(key.root) }));
    const started = performance.now();
    const dir = newFolder();
    const options = { engine, dir, target: this.#dirOf(key), log, signal };
    try {
      await (rootless ? buildTemplate(key, rootless, options) : buildRootless(key, options));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
    const template = await this.#use(key);
    if (!template) throw new Error("The template was removed as soon as it was built.");
    if (key.root.kind === "snapshot") await this.#keepWithinBudget(key);
    const ms = Math.round(performance.now() - started);
    log.info({ root: key.root.id, memoryMiB: key.size.memoryMiB, ms }, "template ready");
    return template;
  }

  /** Removes templates of snapshots, the least recently used first, until the others do not take too much. */
  async #keepWithinBudget(latest: TemplateKey): Promise<void> {
    const dir = this.#snapshotsDir;
    const found = await Promise.all(
      (await readdir(dir)).map(async (name) => {
        const path = join(dir, name);
        const [facts, used] = await Promise.all([factsOf(path), lastUse(path)]);
        return facts?.kind === "snapshot" ? [{ path, used: used ?? 0, bytes: await bytesOf(path) }] : [];
      }),
    );
    let left = this.#options.snapshotsBytes ?? SNAPSHOTS_BYTES;
    for (const { path, bytes } of found.flat().sort((a, b) => b.used - a.used)) {
      left -= bytes;
      if (left < 0 && path !== this.#dirOf(latest)) await this.#remove(path);
    }
  }

  async #remove(dir: string): Promise<void> {
    for (const [text, template] of this.#ready) {
      if (this.#dirOf(template) !== dir) continue;
      this.#ready.delete(text);
      await this.onRemoval(template);
    }
    await removeTemplate(dir);
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
    const template = { ...key, files: this.#options.engine.templateFiles(dir, key.root.disk !== null) };
    this.#ready.set(keyText(key), template);
    return template;
  }

  #dirOf(key: TemplateKey): string {
    const { dir, engine } = this.#options;
    return join(key.root.kind === "snapshot" ? this.#snapshotsDir : dir, folderName(key, engine.fingerprint));
  }
}
