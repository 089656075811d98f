/** The files of disks. A layer that no record refers to, and that nothing under way needs, is removed. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, chown, copyFile, link, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, syncPath } from "@sandkeep/common";
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
  /** How often a layer is needed by something under way. */
  readonly #pins = new Map<string, number>();

  constructor(dir: string) {
    this.dir = dir;
  }

  async open(): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
  }

  path(name: string): string {
    return join(this.dir, `${name}${EXTENSION}`);
  }

  /** A name for a new layer. */
  newName(): string {
    return randomBytes(RANDOM_BYTES).toString("hex");
  }

  /** Keeps layers from being removed until disposed. */
  pin(names: readonly string[]): Disposable {
    for (const name of names) this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        for (const name of names) {
          const left = this.#pins.get(name)! - 1;
          if (left > 0) this.#pins.set(name, left);
          else this.#pins.delete(name);
        }
      },
    };
  }

  /** Makes an empty layer; durable when this resolves. */
  async create(name: string, bytes: number): Promise<void> {
    await this.#make(name, (path) => createLayer(path, bytes));
  }

  /** Makes a layer with an empty file system; durable when this resolves. */
  async createFormatted(name: string, bytes: number): Promise<void> {
    await this.#make(name, (path) => createFormattedLayer(path, bytes));
  }

  /** Makes an image's disk a layer: another name of the same file, where possible. Resolves to the layer's name. */
  async adopt(imageId: string, path: string): Promise<Disposable & { name: string }> {
    const name = `${IMAGE}${imageId}`;
    const pin = this.pin([name]);
    try {
      await this.#linkOrCopy(path, this.path(name));
      await syncPath(this.dir);
      return Object.assign(pin, { name });
    } catch (error) {
      pin[Symbol.dispose]();
      throw error;
    }
  }

  /** Makes a file that nobody writes any more a layer, if it is none yet: by another name of it. Durable when this resolves. */
  async keep(path: string): Promise<Disposable & { name: string }> {
    const ours = dirname(path) === this.dir;
    const name = ours ? basename(path, EXTENSION) : this.newName();
    const pin = this.pin([name]);
    try {
      if (!ours) {
        await this.#linkOrCopy(path, this.path(name));
        // It may have been a machine's.
        await chown(this.path(name), process.getuid!(), process.getgid!());
        await chmod(this.path(name), FROZEN);
        await syncPath(this.path(name));
        await syncPath(this.dir);
      }
      return Object.assign(pin, { name });
    } catch (error) {
      pin[Symbol.dispose]();
      throw error;
    }
  }

  /** Marks a layer as one that never changes again. An image's file has its own permissions. */
  async freeze(name: string): Promise<void> {
    if (!name.startsWith(IMAGE)) await chmod(this.path(name), FROZEN);
  }

  /** Whether machines may have written a layer since it was made. */
  async mayChange(name: string): Promise<boolean> {
    return !name.startsWith(IMAGE) && ((await lstat(this.path(name))).mode & 0o222) !== 0;
  }

  /** What a layer uses on this computer, in bytes. @throws if it is missing */
  async allocatedBytes(name: string): Promise<number> {
    const { blocks } = await lstat(this.path(name));
    return blocks * STAT_BLOCK_BYTES;
  }

  async exists(name: string): Promise<boolean> {
    return (await lstat(this.path(name)).catch(() => null))?.isFile() ?? false;
  }

  /** Files in the folder that are none of these layers, nor needed by something under way. */
  async orphans(names: Iterable<string>): Promise<string[]> {
    const known = new Set([...names].map((name) => `${name}${EXTENSION}`));
    return (await readdir(this.dir)).filter((file) => !known.has(file) && !this.#pins.has(nameOf(file)));
  }

  /** Removes files in the folder. */
  async removeFiles(files: string[]): Promise<void> {
    for (const file of files) await rm(join(this.dir, file), { recursive: true, force: true });
    if (files.length > 0) await syncPath(this.dir);
  }

  /** Removes those of the layers that nothing refers to. */
  async collect(candidates: readonly string[], isReferred: (name: string) => boolean): Promise<void> {
    const unused = candidates.filter((name) => !isReferred(name) && !this.#pins.has(name) && LAYER_NAME.test(name));
    await this.removeFiles(unused.map((name) => `${name}${EXTENSION}`));
  }

  async #make(name: string, make: (path: string) => Promise<void>): Promise<void> {
    const path = this.path(name);
    try {
      await make(path);
      await chmod(path, OWN);
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
