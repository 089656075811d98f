/** The files of disks. A layer that no record refers to, and that nothing under way needs, is removed. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, chown, copyFile, link, lstat, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, KeyedQueue, syncPath } from "@sandkeep/common";
import { makeFolder } from "./folders.ts";
import { createFormattedLayer, createLayer } from "./qcow2.ts";
import { LAYER_NAME } from "./record.ts";

const EXTENSION = ".qcow2";
const IMAGE = "image-";
const RANDOM_BYTES = 16;
/** Of a layer that never changes again. */
const FROZEN = 0o444;
/** Of a volume's own layer. */
const OWN = 0o600;
/** Bytes of a block in `stat`. */
const STAT_BLOCK_BYTES = 512;

export class Layers {
  readonly dir: string;
  readonly #isReferred: (name: string) => boolean;
  /** How often a layer is needed by something under way. */
  readonly #pins = new Map<string, number>();
  /** What happens to a layer's file, one after the other. */
  readonly #queue = new KeyedQueue();

  /** @param isReferred whether a disk may have a layer */
  constructor(dir: string, isReferred: (name: string) => boolean) {
    this.dir = dir;
    this.#isReferred = isReferred;
  }

  async open(): Promise<void> {
    await makeFolder(this.dir);
  }

  path(name: string): string {
    return join(this.dir, `${name}${EXTENSION}`);
  }

  /** A name for a new layer. */
  newName(): string {
    return randomBytes(RANDOM_BYTES).toString("hex");
  }

  /** Keeps layers from being removed until disposed. What no disk has then is removed. */
  pin(names: readonly string[]): AsyncDisposable {
    for (const name of names) this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
    return {
      [Symbol.asyncDispose]: async () => {
        for (const name of names) {
          const left = this.#pins.get(name)! - 1;
          if (left > 0) this.#pins.set(name, left);
          else this.#pins.delete(name);
        }
        // What cannot be removed now is removed at the next start.
        await this.collect(names).catch(() => {});
      },
    };
  }

  /** Does something with a layer's file while nothing else is done with it. */
  async exclusively<Result>(name: string, task: () => Promise<Result>): Promise<Result> {
    return await this.#queue.run(name, task);
  }

  /** Makes an empty layer; durable when this resolves. */
  async create(name: string, bytes: number): Promise<void> {
    await this.#make(name, (path) => createLayer(path, bytes));
  }

  /** Makes a layer with an empty file system; durable when this resolves. */
  async createFormatted(name: string, bytes: number): Promise<void> {
    await this.#make(name, (path) => createFormattedLayer(path, bytes));
  }

  /** Makes a layer that is filled now and never changes; durable when this resolves, unless told otherwise. */
  async createFrozen(
    bytes: number,
    fill: (path: string) => Promise<void>,
    { durable = true } = {},
  ): Promise<AsyncDisposable & { name: string }> {
    const name = this.newName();
    const make = async (path: string) => {
      await createLayer(path, bytes);
      await fill(path);
    };
    return await this.#pinned(name, () => this.#make(name, make, { mode: FROZEN, durable }));
  }

  /** Makes a layer of bytes that arrive; durable when this resolves. */
  async receive(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#make(name, (path) => writeFile(path, bytes, { flag: "wx", mode: OWN }));
  }

  /** Makes an image's disk a layer: another name of the same file, where possible. Resolves to the layer's name. */
  async adopt(imageId: string, path: string): Promise<AsyncDisposable & { name: string }> {
    const name = `${IMAGE}${imageId}`;
    return await this.#pinned(name, async () => {
      // Its last user may just be removed, and its file with it.
      await this.exclusively(name, () => this.#linkOrCopy(path, this.path(name)));
      await syncPath(this.dir);
    });
  }

  /** Makes a file that nobody writes any more a layer, if it is none yet: by another name of it. Durable when this resolves. */
  async keep(path: string): Promise<AsyncDisposable & { name: string }> {
    const ours = dirname(path) === this.dir;
    const name = ours ? basename(path, EXTENSION) : ((await this.#knownAs(path)) ?? this.newName());
    return await this.#pinned(name, async () => {
      // It may be just being removed.
      const isThere = await this.exclusively(name, () => this.exists(name));
      if (ours && !isThere) throw new Error(`The layer ${path} is missing.`);
      if (ours) return;
      if (!isThere) await this.#linkOrCopy(path, this.path(name));
      // It may have been a machine's. An image's file has its own permissions.
      if (!this.isImage(name)) await this.#reclaim(name, FROZEN);
      await syncPath(this.path(name));
      await syncPath(this.dir);
    });
  }

  /** The layer of which a file is another name, as machines that were paused have of their root's layers; null if none. */
  async #knownAs(path: string): Promise<string | null> {
    const { dev, ino, nlink } = await lstat(path);
    if (nlink === 1) return null;
    for (const file of await readdir(this.dir)) {
      const other = LAYER_NAME.test(nameOf(file)) ? await lstat(join(this.dir, file)).catch(() => null) : null;
      if (other?.ino === ino && other.dev === dev) return nameOf(file);
    }
    return null;
  }

  /** Whether a layer is an image's disk. */
  isImage(name: string): boolean {
    return name.startsWith(IMAGE);
  }

  /** Marks layers as such that never change again, unless they are. An image's file has its own permissions. */
  async freeze(names: readonly string[]): Promise<void> {
    const freeze = async (name: string) => {
      if (await this.mayChange(name)) await this.#reclaim(name, FROZEN);
    };
    await Promise.all(names.map(freeze));
  }

  /** Takes back a volume's own layer, whose check may have been interrupted. */
  async reclaim(name: string): Promise<void> {
    if (!this.isImage(name)) await this.#reclaim(name, OWN);
  }

  async #reclaim(name: string, mode: number): Promise<void> {
    await chown(this.path(name), process.getuid!(), process.getgid!());
    await chmod(this.path(name), mode);
  }

  /** Whether machines may have written a layer since it was made. */
  async mayChange(name: string): Promise<boolean> {
    return !this.isImage(name) && ((await lstat(this.path(name))).mode & 0o222) !== 0;
  }

  /** What a layer uses on this computer, in bytes. @throws if it is missing */
  async allocatedBytes(name: string): Promise<number> {
    const { blocks } = await lstat(this.path(name));
    return blocks * STAT_BLOCK_BYTES;
  }

  async exists(name: string): Promise<boolean> {
    return (await lstat(this.path(name)).catch(() => null))?.isFile() ?? false;
  }

  /** Files in the folder that no disk has, nor anything under way needs. */
  async orphans(): Promise<string[]> {
    const orphans: string[] = [];
    const isLayer = (file: string) => file.endsWith(EXTENSION) && this.#isReferred(nameOf(file));
    const isOrphan = (file: string) => !isLayer(file) && !this.#pins.has(nameOf(file));
    // First the files, then who has them: a file that came meanwhile is not among them, and one that went is gone.
    for (const file of (await readdir(this.dir)).filter(isOrphan)) {
      const isThere = () =>
        lstat(join(this.dir, file)).then(
          () => isOrphan(file),
          () => false,
        );
      if (await this.exclusively(nameOf(file), isThere)) orphans.push(file);
    }
    return orphans;
  }

  /** Removes files in the folder. */
  async removeFiles(files: string[]): Promise<void> {
    for (const file of files) await rm(join(this.dir, file), { recursive: true, force: true });
    if (files.length > 0) await syncPath(this.dir);
  }

  /** Removes those of the layers that no disk has, nor anything under way needs. */
  async collect(names: readonly string[]): Promise<void> {
    const isNeeded = (name: string) => this.#isReferred(name) || this.#pins.has(name) || !LAYER_NAME.test(name);
    const remove = async (name: string) => {
      if (isNeeded(name)) return false;
      await rm(this.path(name), { force: true });
      return true;
    };
    const unused = names.filter((name) => !isNeeded(name));
    const removed = await Promise.all(unused.map((name) => this.exclusively(name, () => remove(name))));
    if (removed.includes(true)) await syncPath(this.dir);
  }

  /** Removes every layer that no disk has, nor anything under way needs. */
  async collectAll(): Promise<void> {
    await this.collect((await this.orphans()).map(nameOf));
  }

  async #pinned(name: string, task: () => Promise<void>): Promise<AsyncDisposable & { name: string }> {
    const pin = this.pin([name]);
    try {
      await task();
      return Object.assign(pin, { name });
    } catch (error) {
      await pin[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #make(name: string, make: (path: string) => Promise<void>, { mode = OWN, durable = true } = {}): Promise<void> {
    const path = this.path(name);
    try {
      await make(path);
      await chmod(path, mode);
      if (!durable) return;
      await syncPath(path);
      await syncPath(this.dir);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async #linkOrCopy(from: string, to: string): Promise<void> {
    try {
      return await link(from, to);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EEXIST") return;
      // Another file system, or a file of another user.
      if (code !== "EXDEV" && code !== "EPERM" && code !== "EMLINK") throw error;
    }
    const temporary = `${to}.${this.newName()}`;
    try {
      await copyFile(from, temporary, constants.COPYFILE_FICLONE);
      await chmod(temporary, FROZEN);
      await using file = await open(temporary, "r");
      await file.sync();
      await rename(temporary, to);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/** The layer to which a file belongs, or a temporary file beside it. */
function nameOf(file: string): string {
  return file.slice(0, Math.max(0, file.indexOf(EXTENSION)));
}
