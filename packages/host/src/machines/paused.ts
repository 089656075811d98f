/**
 * Paused machines: `<dir>/<id>/` has the state, the changed pages and the disk's layers of one, and what it was made
 * from, as further names of those files. Complete or not there: a folder appears by a rename.
 */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errnoOf, syncPath, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import { MACHINE_RECORD } from "./folder.ts";
import { movedSource, sourceSchema } from "./source.ts";

const RECORD = "paused.json";
/** Suffix of the folder of a machine that runs again. */
const RESUMED = ".resumed";
/** Ids of sandboxes; also names of folders. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

const recordSchema = z.object({
  id: z.string(),
  owner: z.string(),
  memoryMiB: z.number().int().positive(),
  method: z.enum(["copy", "migration"]),
  /** Names of its disk's own layers, from the bottom up. */
  own: z.array(z.string()).min(1),
  /** The image whose disk is below them; null if it is not an image's. */
  image: z.string().nullable(),
  /** The engine's, which must be the same when it is resumed. */
  fingerprint: z.string(),
  from: sourceSchema,
});
export type PausedRecord = z.infer<typeof recordSchema>;

const run = promisify(execFile);

export class PausedMachines {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Removes what is left of machines that were resumed. */
  static async open(dir: string): Promise<PausedMachines> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(dir)) {
      if (!ID.test(name)) await rm(join(dir, name), { recursive: true, force: true });
    }
    return new PausedMachines(dir);
  }

  /** @throws if the id cannot be a folder's name */
  folder(id: string): string {
    if (!ID.test(id)) throw new Error(`${JSON.stringify(id)} cannot be the id of a paused machine.`);
    return join(this.#dir, id);
  }

  /** Ids of an owner's machines. */
  async list(owner: string): Promise<string[]> {
    // If a record cannot be read, its owner is unknown. Resuming the machine reports that.
    const records = await Promise.all((await readdir(this.#dir)).map((name) => this.find(name).catch(() => null)));
    return records.flatMap((record) => (record?.owner === owner ? [record.id] : []));
  }

  async find(id: string): Promise<PausedRecord | null> {
    if (!ID.test(id)) return null;
    try {
      return recordSchema.parse(JSON.parse(await readFile(join(this.folder(id), RECORD), "utf8")));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return null;
      throw new Error(`The record of the paused sandbox ${id} cannot be read.`, { cause: error });
    }
  }

  /** Takes over the folder of a machine that was suspended there, with its source; durable when this resolves. */
  async add(dir: string, record: PausedRecord): Promise<void> {
    const target = this.folder(record.id);
    await rm(join(dir, MACHINE_RECORD), { force: true });
    const moved = { ...record, from: movedSource(record.from, dir, target) };
    await writeFileAtomically(join(dir, RECORD), JSON.stringify(moved));
    await move(dir, target);
    await syncPath(this.#dir);
  }

  /** The machine is about to run again: from now on its folder is of no use but for its source. */
  async consume(id: string): Promise<void> {
    await rename(this.folder(id), this.folder(id) + RESUMED);
    await syncPath(this.#dir);
  }

  /** Moves the source of a machine that was consumed to its new folder, and removes the rest. */
  async handOver({ id, from }: PausedRecord, dir: string): Promise<PausedRecord["from"]> {
    const source = movedSource(from, this.folder(id), dir);
    await rename(join(this.folder(id) + RESUMED, "source"), join(dir, "source"));
    await this.forget(id);
    return source;
  }

  /** Removes what is left of a machine that was consumed. */
  async forget(id: string): Promise<void> {
    await rm(this.folder(id) + RESUMED, { recursive: true, force: true });
  }

  async remove(id: string): Promise<void> {
    // Renamed first, so that a crash leaves no half of it.
    await rename(this.folder(id), this.folder(id) + RESUMED).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
    await syncPath(this.#dir);
    await this.forget(id);
  }
}

/** Renames a folder, also to another file system. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    const copy = `${to}.copy`;
    await rm(copy, { recursive: true, force: true });
    await run("cp", ["--recursive", "--sparse=always", "--preserve=mode", from, copy]);
    await run("sync", ["-f", copy]);
    await rename(copy, to);
    await rm(from, { recursive: true, force: true });
  }
}
