/**
 * Paused machines: `<dir>/<id>/` has the state, the changed pages and the disk's layers of one, and what it was made
 * from, as further names of those files.
 *
 * A machine runs or is paused, whenever the server or the computer dies, because each change is one rename:
 *
 * 1. Paused: while the machine is stopped, everything is written to its own folder and synced. Then the folder moves
 *    here. Before, the machine goes on if anything fails, at the latest when the next server takes it over. Afterwards
 *    its process only remains to be ended, by the next server if need be.
 * 2. Resumed: a new process loads the state. What is here stays as it is: the process writes to a new layer, and no
 *    program of the guest runs yet. When the agent has answered and the machine's record is written, the folder here is
 *    renamed. Before, the machine is still paused, and the next server ends the new process. Afterwards it runs, and its
 *    programs go on, at the latest when the next server takes it over.
 */
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, SerialQueue, syncPath, writeFileAtomically } from "@sandkeep/common";
import { z } from "zod";
import { ForkError } from "../contract.ts";
import { MACHINE_RECORD } from "./folder.ts";
import { forgetMoves, type Moves, noteMove, ownerAfter, readMoves } from "./moves.ts";
import { movedSource, sourceSchema } from "./source.ts";

const RECORD = "paused.json";
/** Suffix of the folder of a machine that runs again. */
const RESUMED = ".resumed";
/** Suffix of the files of a disk's layers. */
const LAYER = ".qcow2";
/** Ids of sandboxes; also names of folders. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

const recordSchema = z.object({
  id: z.string(),
  owner: z.string(),
  memoryMiB: z.number().int().positive(),
  /** Memory that it shared with nothing, in MiB, which it takes again. */
  ownMiB: z.number().int().nonnegative(),
  method: z.enum(["copy", "migration"]),
  /** Names of its disk's own layers, from the bottom up. */
  own: z.array(z.string()).min(1),
  /** The image whose disk is below them; null if it is not an image's. */
  image: z.string().nullable(),
  from: sourceSchema,
});
export type PausedRecord = z.infer<typeof recordSchema>;

interface Found {
  id: string;
  /** Null if it cannot be read. */
  record: PausedRecord | null;
  /** Why not. */
  error?: unknown;
}

export class PausedMachines {
  readonly #dir: string;
  /** Changes of records. */
  readonly #writes = new SerialQueue();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Removes what is left of machines that were resumed, and of layers that were merged. */
  static async open(dir: string): Promise<PausedMachines> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const paused = new PausedMachines(dir);
    for (const name of await readdir(dir)) {
      if (!ID.test(name)) await rm(join(dir, name), { recursive: true, force: true });
      // What stays is tried again at the next start.
      else await paused.#removeUnusedLayers(name).catch(() => {});
    }
    return paused;
  }

  /** Of all machines, also those that cannot be resumed. */
  async ids(): Promise<string[]> {
    return (await readdir(this.#dir)).filter((name) => ID.test(name));
  }

  /** @throws if the id cannot be a folder's name */
  folder(id: string): string {
    if (!ID.test(id)) throw new Error(`${JSON.stringify(id)} cannot be the id of a paused machine.`);
    return join(this.#dir, id);
  }

  /** Ids of an owner's machines, and of those whose record does not say whose they are. */
  async list(owner: string): Promise<string[]> {
    const found = await this.#all();
    return found.filter(({ record }) => record === null || record.owner === owner).map(({ id }) => id);
  }

  /** Gives an owner's machines to another one, also those whose records cannot be read now. @throws if that cannot be written */
  async setOwner(from: string, owner: string): Promise<void> {
    await this.#writes.run(async () => {
      for (const { id, record, error } of await this.#all()) {
        if (record?.owner === from) await this.#change({ ...record, owner });
        // It may be one of them. What is no record will not become one.
        else if (!record && !(error instanceof ForkError)) await noteMove(this.folder(id), { from, owner });
      }
    });
  }

  /** @throws {ForkError} `CANNOT_RESUME` if it has a record that is none @throws if the disk fails */
  async find(id: string): Promise<PausedRecord | null> {
    if (!ID.test(id)) return null;
    let text: string;
    let moves: Moves;
    try {
      const folder = this.folder(id);
      // First: what changes the record removes them afterwards.
      moves = await readMoves(folder);
      text = await readFile(join(folder, RECORD), "utf8");
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "")) return null;
      throw error;
    }
    try {
      const record = recordSchema.parse(JSON.parse(text));
      return { ...record, owner: ownerAfter(moves, record.owner) };
    } catch (error) {
      throw new ForkError("CANNOT_RESUME", `The record of the paused sandbox ${id} cannot be read.`, { cause: error });
    }
  }

  /** Puts a layer in the place of all of a machine's own. Resolves to whether it still had these. Durable when this resolves. */
  async replaceLayers(id: string, own: readonly string[], layer: string): Promise<boolean> {
    return await this.#writes.run(async () => {
      const record = await this.find(id);
      if (record?.own.join() !== own.join()) return false;
      await this.#change({ ...record!, own: [layer] });
      return true;
    });
  }

  /** Whether it is paused, even if its record cannot be read. */
  async has(id: string): Promise<boolean> {
    return (await this.#look(id)) !== null;
  }

  /** Writes the record of a machine that is going to be paused into its folder, where it means nothing yet. */
  async prepare(dir: string, record: PausedRecord): Promise<void> {
    await this.#write(dir, { ...record, from: movedSource(record.from, dir, this.folder(record.id)) });
  }

  /** Takes over the folder of a machine with all that was synced there: it is paused. Resolves to where it is now. */
  async commit(dir: string, id: string): Promise<string> {
    const target = this.folder(id);
    await this.#rename(dir, target);
    await rm(join(target, MACHINE_RECORD), { force: true }).catch(() => {});
    return target;
  }

  /** The machine runs again, and has all that it needs elsewhere. Durable when this resolves. */
  async consume(id: string): Promise<void> {
    // What is left of an earlier time that it was resumed.
    await rm(this.folder(id) + RESUMED, { recursive: true, force: true });
    await this.#rename(this.folder(id), this.folder(id) + RESUMED);
  }

  /** Removes what is left of a machine that was consumed. */
  async forget(id: string): Promise<void> {
    await rm(this.folder(id) + RESUMED, { recursive: true, force: true });
  }

  async remove(id: string): Promise<void> {
    // Renamed first, so that a crash leaves no half of it.
    await this.consume(id).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    });
    await this.forget(id);
  }

  async #removeUnusedLayers(id: string): Promise<void> {
    const record = await this.find(id);
    if (!record) return;
    const folder = this.folder(id);
    const unused = (await readdir(folder)).filter((name) => name.endsWith(LAYER) && !record.own.includes(name));
    // The record that needs them no more may not be on disk yet.
    if (unused.length > 0) await syncPath(folder);
    for (const name of unused) await rm(join(folder, name), { force: true });
  }

  async #all(): Promise<Found[]> {
    const found = await Promise.all((await readdir(this.#dir)).map((name) => this.#look(name)));
    return found.filter((one) => one !== null);
  }

  /** One that cannot be read, for whatever reason, counts as paused: that loses nothing, and stops nothing else. */
  async #look(id: string): Promise<Found | null> {
    try {
      const record = await this.find(id);
      return record && { id, record };
    } catch (error) {
      // Whoever has no descriptors left cannot read what does not exist either.
      return (await isThere(this.folder(id))) ? { id, record: null, error } : null;
    }
  }

  /** Durable when this resolves; if it fails, nothing has changed. */
  async #rename(from: string, to: string): Promise<void> {
    await rename(from, to);
    try {
      await syncPath(this.#dir);
    } catch (error) {
      const undone = await rename(to, from).then(
        () => true,
        () => false,
      );
      if (undone) throw error;
    }
  }

  async #change(record: PausedRecord): Promise<void> {
    const folder = this.folder(record.id);
    await this.#write(folder, record);
    await forgetMoves(folder);
  }

  async #write(dir: string, record: PausedRecord): Promise<void> {
    await writeFileAtomically(join(dir, RECORD), JSON.stringify(record));
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}
