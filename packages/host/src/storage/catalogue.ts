/** The records of all disks: in memory, and on disk before a change counts. */
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readOwnFile, syncPath, writeFileAtomically } from "@sandkeep/common";
import { DiskError } from "../contract.ts";
import { makeFolder } from "./folders.ts";
import { type DiskRecord, recordSchema } from "./record.ts";

const EXTENSION = ".json";

export class Catalogue {
  readonly #dir: string;
  readonly #records = new Map<string, DiskRecord>();
  /** How many disks have a layer. */
  readonly #uses = new Map<string, number>();
  /** Disks that are being made, until they are or cannot be. */
  readonly #reserved = new Map<string, Promise<void>>();
  /** Files that should be records and are not, with the reason. Their disks' layers are unknown. */
  readonly unreadable = new Map<string, string>();
  /** Layers of records that may be on disk instead of the known ones: neither writing nor reading succeeded. */
  readonly #attempted = new Map<string, readonly string[]>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Reads all records. One that cannot be read stays as it is, and its id stays taken. */
  static async open(dir: string): Promise<Catalogue> {
    await makeFolder(dir);
    const catalogue = new Catalogue(dir);
    for (const name of await readdir(dir)) {
      if (name.endsWith(EXTENSION)) await catalogue.#read(name.slice(0, -EXTENSION.length));
      // The beginning of a record that was never written to the end.
      else if (name.endsWith(".tmp")) await rm(join(dir, name), { force: true });
    }
    return catalogue;
  }

  get ids(): string[] {
    return [...this.#records.keys()];
  }

  /** How many disks have this layer. */
  usesOf(layer: string): number {
    return this.#uses.get(layer) ?? 0;
  }

  /** Whether a disk may have this layer: with a record that cannot be read, any. */
  mayRefer(layer: string): boolean {
    if (this.unreadable.size > 0 || this.#uses.has(layer)) return true;
    return [...this.#attempted.values()].some((layers) => layers.includes(layer));
  }

  find(id: string): DiskRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws {DiskError} `UNKNOWN_DISK`; `DAMAGED_DISK` if its record cannot be read */
  get(id: string): DiskRecord {
    const record = this.#records.get(id);
    if (record) return record;
    const why = this.unreadable.get(id);
    if (why !== undefined) throw new DiskError("DAMAGED_DISK", `The record of disk ${id} cannot be read: ${why}`);
    throw new DiskError("UNKNOWN_DISK", `This host has no disk ${id}.`);
  }

  /** Reserves an id for a disk that is being made. @throws {DiskError} `DISK_EXISTS` */
  reserve(id: string): Disposable {
    if (this.#records.has(id) || this.#reserved.has(id) || this.unreadable.has(id))
      throw new DiskError("DISK_EXISTS", `This host has a disk ${id} already.`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#reserved.set(id, promise);
    return {
      [Symbol.dispose]: () => {
        this.#reserved.delete(id);
        resolve();
      },
    };
  }

  /** Waits for a disk that is being made. */
  async made(id: string): Promise<void> {
    await this.#reserved.get(id);
  }

  /** Writes a record. If this fails, the disk has the old record or the new one, in memory as on disk. */
  async put(id: string, record: DiskRecord): Promise<void> {
    try {
      // Nothing that could not be read again.
      await writeFileAtomically(this.#path(id), JSON.stringify(recordSchema.parse(record)));
      this.#set(id, record);
    } catch (error) {
      await this.#refresh(id, record.layers);
      throw error;
    }
  }

  async delete(id: string): Promise<void> {
    try {
      await rm(this.#path(id), { force: true });
      this.#set(id, null);
      await syncPath(this.#dir);
    } catch (error) {
      await this.#refresh(id);
      throw error;
    }
  }

  /** After a failed write: takes what is on disk now. If that cannot be read either, what is known stays. */
  async #refresh(id: string, attempted: readonly string[] = []): Promise<void> {
    if (!existsSync(this.#path(id))) this.#set(id, null);
    else if (!this.#records.has(id)) await this.#read(id);
    else await this.#load(id).catch(() => this.#attempted.set(id, [...(this.#attempted.get(id) ?? []), ...attempted]));
  }

  async #read(id: string): Promise<void> {
    await this.#load(id).catch((error: unknown) => {
      this.unreadable.set(id, error instanceof Error ? error.message : String(error));
    });
  }

  async #load(id: string): Promise<void> {
    const text = await readOwnFile(this.#path(id));
    if (text === null)
      throw new Error("it cannot be opened, or does not belong to this server, or others can write it.");
    this.#set(id, recordSchema.parse(JSON.parse(text)));
  }

  #set(id: string, record: DiskRecord | null): void {
    this.unreadable.delete(id);
    this.#attempted.delete(id);
    for (const layer of this.#records.get(id)?.layers ?? []) this.#count(layer, -1);
    for (const layer of record?.layers ?? []) this.#count(layer, 1);
    if (record) this.#records.set(id, record);
    else this.#records.delete(id);
  }

  #count(layer: string, change: 1 | -1): void {
    const uses = this.usesOf(layer) + change;
    if (uses > 0) this.#uses.set(layer, uses);
    else this.#uses.delete(layer);
  }

  #path(id: string): string {
    return join(this.#dir, `${id}${EXTENSION}`);
  }
}
