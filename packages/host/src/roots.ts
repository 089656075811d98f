/** The root file systems that machines of this host may have. */
import type { RootSpec } from "./contract.ts";
import type { BootFiles } from "./engine/engine.ts";
import { SpecError } from "./spec/spec-error.ts";

/** The parts of a guest image that a machine needs; {@link Image} has them. */
export interface RootImage extends BootFiles {
  id: string;
}

/** A root file system and what boots it. Roots with the same id have the same bytes. */
export interface Root {
  readonly id: string;
  readonly boot: BootFiles;
}

/** Finds an image by id; undefined if there is none. */
export type FindImage = (id: string) => Promise<RootImage | undefined>;

export class Roots {
  /** The root of machines whose spec names none. */
  readonly default: Root;
  readonly #find: FindImage;
  readonly #known = new Map<string, Root>();

  constructor(image: RootImage, find: FindImage = async () => undefined) {
    this.default = rootOf(image);
    this.#find = find;
    this.#known.set(image.id, this.default);
  }

  /** @throws {SpecError} `UNKNOWN_ROOT` */
  async resolve(spec: RootSpec | undefined): Promise<Root> {
    if (!spec) return this.default;
    const root = await this.#rootOf(spec.image);
    if (root) return root;
    throw new SpecError("UNKNOWN_ROOT", `This host has no image ${JSON.stringify(spec.image)}. Build it there first.`);
  }

  /** Path of an image's disk; undefined if there is no such image. */
  readonly diskOf = async (image: string): Promise<string | undefined> => (await this.#rootOf(image))?.boot.rootDisk;

  async #rootOf(id: string): Promise<Root | undefined> {
    const known = this.#known.get(id);
    if (known) return known;
    const image = await this.#find(id);
    if (!image) return undefined;
    const root = rootOf(image);
    this.#known.set(root.id, root);
    return root;
  }
}

function rootOf({ id, kernel, initramfs, rootDisk }: RootImage): Root {
  return { id, boot: { kernel, initramfs, rootDisk } };
}
