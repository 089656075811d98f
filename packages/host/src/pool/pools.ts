/** The warm pools of a host, one for each template in demand. */
import { stat } from "node:fs/promises";
import type { Logger } from "@sandkeep/common";
import type { Engine, ForkedFrom, MachineSize } from "../engine/engine.ts";
import { createFolder, removeFolder } from "../machines/folder.ts";
import type { RehearsalDisk } from "../templates/rehearse-disk.ts";
import type { TemplateStore } from "../templates/store.ts";
import { keyText, type Template, type TemplateKey } from "../templates/template.ts";
import { Pool } from "./pool.ts";
import type { Prepared } from "./supply.ts";
import type { Waiting } from "./targets.ts";

/** Maximum number of pools: clients choose roots and sizes freely, and each pool costs memory. */
const MAX_POOLS = 4;

export interface PoolsOptions {
  engine: Engine;
  templates: TemplateStore;
  /** The template of most machines; its pool always stays. */
  usual: TemplateKey;
  runDir: string;
  /** Memory for the usual pool; the others together have less. */
  budgetMiB: number;
  /** Authorities that machines trust besides their image's, PEM. */
  caCertificates: string[];
  /** What hot machines rehearse getting a disk with; absent: they do not. */
  rehearsalDisk?: RehearsalDisk | undefined;
  log: Logger;
  /** Aborted when the host closes: nothing is added afterwards. */
  closing: AbortSignal;
}

export class Pools {
  readonly #options: PoolsOptions;
  readonly #usual: string;
  /** By key, oldest first. */
  readonly #pools = new Map<string, Pool>();
  /** Pools that made room for another and are not empty yet. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: PoolsOptions) {
    this.#options = options;
    this.#usual = keyText(options.usual);
    options.templates.onRemoval = (template) => this.#drop(template);
  }

  /**
   * The pool of a key; undefined while there is no template.
   *
   * @throws if its root cannot be used; that of a pool is in use
   */
  async of(key: TemplateKey): Promise<Pool | undefined> {
    const pool = this.#pools.get(keyText(key));
    if (pool) {
      // So that what is used stays. If it is gone all the same, its pool goes.
      if (keyText(key) !== this.#usual) void this.#options.templates.find(key).catch(() => {});
      return pool;
    }
    await key.root.check?.();
    // A template that cannot be taken into use is reported when its build fails too; until then machines do without.
    const template = await this.#options.templates.find(key).catch(() => undefined);
    return template && this.#add(template);
  }

  /** From now on there is a pool of this key, or as soon as its template is built. */
  async want(key: TemplateKey): Promise<void> {
    // Why its root cannot be used is known when the template is built.
    if (!(await this.of(key).catch(() => undefined))) this.#build(key);
  }

  /** Resolves when a machine of the usual kind waits, or once it is clear that none will. */
  async ready(): Promise<void> {
    const { templates, usual } = this.#options;
    await templates.ensure(usual).catch(() => {});
    await this.#pools.get(this.#usual)?.ready;
  }

  /** A process that waits for a state of a machine that was made from this, one that waits in a pool if there is one. */
  async prepare({ template, root }: ForkedFrom, size: MachineSize): Promise<Prepared> {
    for (const pool of this.#pools.values())
      if (await isSameFile(pool.template.memory, template.memory)) return await pool.prepare();
    const { engine, runDir } = this.#options;
    const dir = createFolder(runDir);
    try {
      return { dir, vm: await engine.prepare({ dir, size, ...(template.disk && { root }) }, template) };
    } catch (error) {
      await removeFolder(dir);
      throw error;
    }
  }

  /** What waits in all pools. */
  get counts(): Waiting {
    const all = [...this.#pools.values()].map(({ counts }) => counts);
    const sum = (of: keyof Waiting) => all.reduce((total, counts) => total + counts[of], 0);
    return { clones: sum("clones"), hot: sum("hot"), processes: sum("processes") };
  }

  /** Something else needs the processor now. */
  disturb(): void {
    for (const pool of this.#pools.values()) pool.disturb();
  }

  /** Gives some memory back. False if nothing is left to give. */
  async shrink(): Promise<boolean> {
    const given = await Promise.all([...this.#pools.values()].map((pool) => pool.shrink()));
    return given.includes(true);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#leaving, ...[...this.#pools.values()].map((pool) => pool.close())]);
  }

  #build(key: TemplateKey): void {
    const { templates, log, closing } = this.#options;
    void templates.ensure(key).then(
      (template) => this.#add(template),
      (error: unknown) => {
        if (closing.aborted) return;
        log.error(
          { root: key.root.id, memoryMiB: key.size.memoryMiB, error: String(error) },
          "could not build a template",
        );
      },
    );
  }

  #add(template: Template): Pool | undefined {
    const text = keyText(template);
    const known = this.#pools.get(text);
    if (known || this.#options.closing.aborted) return known;
    const isUsual = text === this.#usual;
    const others = [...this.#pools.keys()].filter((key) => key !== this.#usual);
    if (!isUsual && others.length >= MAX_POOLS - 1) {
      const oldest = others[0]!;
      this.#leave(this.#pools.get(oldest)!);
      this.#pools.delete(oldest);
    }
    const { engine, runDir, budgetMiB, caCertificates, rehearsalDisk, log } = this.#options;
    const pool = new Pool({
      engine,
      template,
      kind: isUsual ? "usual" : "other",
      runDir,
      budgetMiB: isUsual ? budgetMiB : Math.floor(budgetMiB / MAX_POOLS),
      caCertificates,
      rehearsalDisk,
      log,
    });
    this.#pools.set(text, pool);
    return pool;
  }

  /** Gives up a pool whose template is going to be removed. */
  async #drop(template: Template): Promise<void> {
    const text = keyText(template);
    const pool = this.#pools.get(text);
    this.#pools.delete(text);
    await pool?.close();
  }

  #leave(pool: Pool): void {
    const left = pool
      .close()
      .catch((error: unknown) => this.#options.log.error({ error: String(error) }, "a pool could not be emptied"))
      .finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}

/** Whether two paths are names of one file. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const [a, b] = await Promise.all([stat(one), stat(other)]);
  return a.ino === b.ino && a.dev === b.dev;
}
