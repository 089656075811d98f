/** All templates of a host: reused from earlier runs, or built if missing. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, Gate, KeyedQueue, type Logger } from "@sandkeep/common";
import type { Engine, TemplateFiles } from "../engine/engine.ts";
import { beforeRoot } from "../roots.ts";
import { buildRootless, buildTemplate } from "./build.ts";
import { bytesOf, factsOf, folderName, lastUse, memoryMiBOf, noteUse, removeTemplate } from "./folder.ts";
import { keyText, type Template, type TemplateKey } from "./template.ts";

/** Templates that were not used for this long are removed. */
const UNUSED_MS = 24 * 60 * 60_000;
/** What templates of others than the usual machines may take on disk, in bytes: twenty, of 200 MB each. */
const MOST_BYTES = 4 * 1024 ** 3;
/** How much of that the template of one snapshot may take: what a tenant's own warm-up leaves must not cost all others theirs. */
const LARGEST_SHARE = 1 / 2;
/** Templates that hosts share are not removed so soon after their last use, because others may be using them. */
const SHARED_MS = 60 * 60_000;

export interface TemplateStoreOptions {
  /** Folder of templates; several hosts may share it. */
  dir: string;
  /** Folder of templates of snapshots, which are this host's own; default: the same. */
  snapshotsDir?: string;
  /** Where machines run, with short paths. */
  newFolder(): string;
  engine: Engine;
  log: Logger;
  /** What templates take on disk that are not of the usual machines; default: 4 GiB. */
  mostBytes?: number;
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
  /** Roots are warmed up one at a time. Clients choose how many there are, and nobody waits for them. */
  readonly #warmingUp = new Gate(1);
  /** Taking a template into use and removing it, one after the other for each folder. */
  readonly #queue = new KeyedQueue();
  /** How often something needs a folder to stay. */
  readonly #held = new Map<string, number>();
  /** Folders of the usual machines' templates, which stay. */
  readonly #usual = new Set<string>();
  readonly #closing = new AbortController();
  /** Called before a template is removed: nothing may be made from it any more. */
  onRemoval: (template: Template) => Promise<void> = async () => {};
  /** Whether a machine was made from these files: they are not removed to make room. */
  isUsed: (files: TemplateFiles) => boolean = () => false;

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

  /** Keeps the template of a key, and the one that it is made from, from being removed to make room, until disposed. */
  hold(key: TemplateKey): Disposable {
    const dirs = [key, { ...key, root: beforeRoot(key.root) }].map((one) => this.#dirOf(one));
    for (const dir of dirs) this.#held.set(dir, (this.#held.get(dir) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const dir of dirs) {
          const left = this.#held.get(dir)! - 1;
          if (left > 0) this.#held.set(dir, left);
          else this.#held.delete(dir);
        }
      },
    };
  }

  /** The template, built if it does not exist yet. Concurrent callers share one build. */
  async ensure(key: TemplateKey): Promise<Template> {
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
   * @param usual keys of the templates of most machines, which are never removed to make room
   */
  async load(keysOf: (memoryMiB: number) => TemplateKey[], usual: readonly TemplateKey[] = []): Promise<void> {
    for (const key of usual) this.#usual.add(this.#dirOf(key));
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
    await this.#makeRoom();
  }

  /** Removes templates of snapshots that are gone. */
  async retainSnapshots(isKnown: (rootId: string) => boolean): Promise<void> {
    for (const name of await readdir(this.#snapshotsDir)) {
      const dir = join(this.#snapshotsDir, name);
      const facts = await factsOf(dir);
      if (facts?.kind === "snapshot" && !isKnown(facts.root)) await this.#remove(dir);
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
    using _ = this.hold(key);
    const found = await this.#use(key);
    if (found) return found;
    const { engine, log, newFolder } = this.#options;
    const rootless = key.root.disk && (await this.ensure({ ...key, root: beforeRoot(key.root) }));
    const started = performance.now();
    const dir = newFolder();
    const options = { engine, dir, target: this.#dirOf(key), log, signal };
    try {
      // Who asks for a machine of a new size waits for the latter.
      await (rootless
        ? this.#warmingUp.run(() => buildTemplate(key, rootless, options), signal)
        : buildRootless(key, options));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
    await this.#checkSize(key);
    const template = await this.#use(key);
    if (!template) throw new Error("The template was removed as soon as it was built.");
    await this.#makeRoom();
    const ms = Math.round(performance.now() - started);
    log.info({ root: key.root.id, memoryMiB: key.size.memoryMiB, ms }, "template ready");
    return template;
  }

  /** @throws if a new template takes too much of the disk; then it is gone */
  async #checkSize(key: TemplateKey): Promise<void> {
    if (key.root.kind !== "snapshot") return;
    const { mostBytes = MOST_BYTES } = this.#options;
    const [dir, limit] = [this.#dirOf(key), mostBytes * LARGEST_SHARE];
    const bytes = await bytesOf(dir);
    if (bytes <= limit) return;
    await this.#remove(dir);
    throw new Error(
      `The template takes ${bytes} bytes on disk, of ${limit} that one may take. Let its warm-up leave less.`,
    );
  }

  /** Removes templates that nothing uses, the least recently used first, until all together do not take too much. */
  async #makeRoom(): Promise<void> {
    const { dir, mostBytes = MOST_BYTES } = this.#options;
    const found = [];
    for (const folder of new Set([dir, this.#snapshotsDir])) {
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const used = this.#usual.has(path) ? null : await lastUse(path);
        if (used === null) continue;
        const resting = folder === this.#snapshotsDir || Date.now() - used > SHARED_MS;
        found.push({ path, used, resting, bytes: await bytesOf(path) });
      }
    }
    let total = found.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, resting, bytes } of found.toSorted((a, b) => a.used - b.used)) {
      if (total <= mostBytes) return;
      if (!resting || !(await this.#remove(path, { unlessUsed: true }))) continue;
      total -= bytes;
    }
  }

  /** Returns whether it is gone. */
  async #remove(dir: string, { unlessUsed = false } = {}): Promise<boolean> {
    return await this.#queue.run(dir, async () => {
      const templates = [...this.#ready.values()].filter((template) => this.#dirOf(template) === dir);
      if (unlessUsed && (this.#held.has(dir) || this.isUsed(this.#filesIn(dir)))) return false;
      for (const template of templates) await this.#drop(template);
      await removeTemplate(dir);
      return true;
    });
  }

  async #drop(template: Template): Promise<void> {
    this.#ready.delete(keyText(template));
    await this.onRemoval(template);
  }

  /** Starts using a complete template, and records that. */
  async #use(key: TemplateKey): Promise<Template | undefined> {
    const dir = this.#dirOf(key);
    return await this.#queue.run(dir, async () => {
      try {
        await noteUse(dir);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error;
        // Another host may have removed what they share.
        const gone = this.get(key);
        if (gone) await this.#drop(gone);
        return undefined;
      }
      const template = { ...key, files: this.#filesIn(dir, key.root.disk !== null) };
      this.#ready.set(keyText(key), template);
      return template;
    });
  }

  #filesIn(dir: string, rooted = true): TemplateFiles {
    return this.#options.engine.templateFiles(dir, rooted);
  }

  #dirOf(key: TemplateKey): string {
    const { dir, engine } = this.#options;
    return join(key.root.kind === "snapshot" ? this.#snapshotsDir : dir, folderName(key, engine.fingerprint));
  }
}
