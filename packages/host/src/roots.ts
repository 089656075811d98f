/** The root file systems that machines of this host may have. */
import type { BootFiles, RootDisk } from "./engine/engine.ts";
import { SpecError } from "./spec/spec-error.ts";

/** The parts of a guest image that a machine needs; {@link Image} has them. */
export interface RootImage extends BootFiles {
  id: string;
  /** qcow2 image of the root file system, and its size as the guest sees it. */
  rootDisk: string;
  diskBytes: number;
}

/** A root file system and what boots it. Roots with the same id have the same bytes. */
export interface Root {
  readonly id: string;
  readonly kind: "image" | "snapshot" | "volume" | "none";
  readonly boot: BootFiles;
  /** Null: a machine that waits for its root, or that has a volume as its root, which no other can have. */
  readonly disk: RootDisk | null;
  /** Looks whether the disk can be used, before machines open it. @throws {DiskError} `DAMAGED_DISK` */
  readonly check?: () => Promise<void>;
}

/** What a machine is before it enters a root. */
export function beforeRoot({ boot }: Root): Root {
  return { id: `none ${boot.initramfs}`, kind: "none", boot, disk: null };
}

/** The root that is a bootable disk. It is booted by the kernel and the agent of an image. */
export function rootOfSnapshot(
  id: string,
  { boot }: Root,
  { check, ...disk }: RootDisk & Required<Pick<Root, "check">>,
): Root {
  return { id: rootIdOf("snapshot", id), kind: "snapshot", boot, disk, check };
}

export function rootOfVolume(id: string, { boot }: Root): Root {
  return { id: rootIdOf("volume", id), kind: "volume", boot, disk: null };
}

/** Not an image's: those have no spaces. */
export function rootIdOf(kind: "snapshot" | "volume", id: string): string {
  return `${kind} ${id}`;
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
  async resolve(image: string | undefined): Promise<Root> {
    if (image === undefined) return this.default;
    const root = await this.#rootOf(image);
    if (root) return root;
    throw new SpecError("UNKNOWN_ROOT", `This host has no image ${JSON.stringify(image)}. Build it there first.`);
  }

  /** Path of an image's disk; undefined if there is no such image. */
  readonly diskOf = async (image: string): Promise<string | undefined> => (await this.#rootOf(image))?.disk?.layers[0];

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

function rootOf({ id, kernel, initramfs, rootDisk, diskBytes }: RootImage): Root {
  return { id, kind: "image", boot: { kernel, initramfs }, disk: { layers: [rootDisk], capacityBytes: diskBytes } };
}
