import { Buffer } from "node:buffer";
import { chmod, lstat, lutimes, mkdir, stat, symlink, unlink, utimes } from "node:fs/promises";
import { ArchiveError, type Entry } from "./header.ts";
import { relativeInside } from "./link-target.ts";
import { LINKS_ARE_SAFE, type LocalPath, nameOf, shown, unusable, within } from "./local-path.ts";
import type { ArchiveReader } from "./reader.ts";
import { SMALL_BYTES, Tasks } from "./tasks.ts";
import { writeSmall, writeStream } from "./write-file.ts";

/** Most directories below each other. The agent sends no more, and what is open of them is held here. */
const MAX_DEPTH = 512;

/** One of the directories from the top down to the one that is being filled. */
interface Open {
  /** What stands before the names of its entries. */
  prefix: Buffer;
  /** Null where this machine cannot have it: all that is in it is passed over, too. */
  path: LocalPath | null;
  /** By what its mode and time are set once all is in it; undefined when it was there before, and keeps them. */
  entry: Entry | undefined;
  /** What is still being written in it. */
  pending: Set<Promise<void>>;
}

export interface WriteDirectoryOptions {
  /** Where the directory was in the sandbox: links to something in it are made relative. */
  source: string;
  /** Whether the target may be a link to a directory, because the user named it and not the sandbox. */
  followTarget: boolean;
  /** Whether links are made; they are left out otherwise. */
  makeLinks?: boolean;
  onSkip: (path: string, reason: string) => void;
}

/**
 * Writes what an archive holds into a directory, which is made if it is not there.
 *
 * The archive comes from a sandbox, which may be hostile. So nothing is written but straight into directories that were made
 * here, or found to be directories and no links; names are single names; files are opened only where no link is. Whatever
 * the archive says, and in whatever order, nothing outside the target is touched.
 */
export async function writeDirectory(
  archive: ArchiveReader,
  target: string,
  options: WriteDirectoryOptions,
): Promise<void> {
  const writer = new DirectoryWriter(archive, target, options);
  try {
    await writer.run();
  } finally {
    await writer.tasks.settle();
  }
}

class DirectoryWriter {
  readonly tasks = new Tasks();
  readonly #archive: ArchiveReader;
  readonly #target: string;
  readonly #options: WriteDirectoryOptions;
  /** From the target down. */
  readonly #open: Open[] = [];

  constructor(archive: ArchiveReader, target: string, options: WriteDirectoryOptions) {
    this.#archive = archive;
    this.#target = target;
    this.#options = options;
  }

  async run(): Promise<void> {
    for (let entry = await this.#archive.next(); entry; entry = await this.#archive.next()) {
      if (this.#open.length === 0) await this.#begin(entry);
      else await this.#take(entry);
    }
    if (this.#open.length === 0) throw new ArchiveError("it is empty");
    while (this.#open.length) await this.#leave();
    await this.tasks.all();
  }

  async #begin(entry: Entry): Promise<void> {
    if (entry.kind !== "directory" || entry.name.toString("latin1") !== "./")
      throw new ArchiveError("it does not begin with its directory");
    const made = await makeDirectory(this.#target, entry.mode, this.#options.followTarget ? stat : lstat);
    this.#open.push({
      prefix: Buffer.alloc(0),
      path: this.#target,
      entry: made ? entry : undefined,
      pending: new Set(),
    });
  }

  async #take(entry: Entry): Promise<void> {
    const { parent, base } = await this.#place(entry);
    const isDirectory = entry.kind === "directory";
    if (isDirectory && this.#open.length > MAX_DEPTH)
      throw new ArchiveError(`more than ${MAX_DEPTH} directories below each other`);
    const name = nameOf(base);
    const reason = parent.path === null ? undefined : unusable(name);
    if (reason !== undefined) this.#options.onSkip(entry.name.toString(), reason);
    const path = parent.path === null || reason !== undefined ? null : within(parent.path, name);
    if (isDirectory) {
      const made = path !== null && (await makeDirectory(path, entry.mode, lstat));
      this.#open.push({ prefix: entry.name, path, entry: made ? entry : undefined, pending: new Set() });
    } else if (path !== null) {
      await (entry.kind === "link" ? this.#link(entry, path) : this.#file(entry, path, parent));
    }
  }

  /** The directory that an entry belongs into, and its name there. Those below are full then. */
  async #place({ name, kind }: Entry): Promise<{ parent: Open; base: Buffer }> {
    const end = kind === "directory" && name.at(-1) === SLASH ? name.length - 1 : name.length;
    const at = name.subarray(0, end).lastIndexOf(SLASH) + 1;
    const base = name.subarray(at, end);
    const text = base.toString("latin1");
    if (text === "" || text === "." || text === "..")
      throw new ArchiveError(`${JSON.stringify(name.toString())} is no name`);
    while (!this.#open.at(-1)!.prefix.equals(name.subarray(0, at))) {
      if (this.#open.length === 1)
        throw new ArchiveError(`${JSON.stringify(name.toString())} is not below its directory`);
      await this.#leave();
    }
    return { parent: this.#open.at(-1)!, base };
  }

  async #file(entry: Entry, path: LocalPath, parent: Open): Promise<void> {
    if (entry.size > SMALL_BYTES) return await writeStream(path, entry, this.#archive.content());
    const pieces: Buffer[] = [];
    for await (const piece of this.#archive.content()) pieces.push(piece);
    await this.#begun(parent, () => writeSmall(path, entry, Buffer.concat(pieces)));
  }

  /** A link replaces what is there, as long as that is no directory. */
  async #link({ target, modified }: Entry, path: LocalPath): Promise<void> {
    if (!(this.#options.makeLinks ?? LINKS_ARE_SAFE))
      return this.#options.onSkip(
        shown(path),
        "links are not made on this system, where they could lead files elsewhere",
      );
    const text = relativeInside(target, this.#options.source, this.#open.length - 1);
    const there = await lstat(path).catch(() => undefined);
    if (there && !there.isDirectory()) await unlink(path);
    await symlink(text, path);
    const time = Number(modified);
    await lutimes(path, time, time).catch(() => {});
  }

  /** The lowest directory is full: its mode and time are set as soon as all in it is written, its parent's after that. */
  async #leave(): Promise<void> {
    const { entry, path, pending } = this.#open.pop()!;
    const parent = this.#open.at(-1);
    if (!entry || path === null) {
      for (const task of pending) parent?.pending.add(task);
      return;
    }
    const finish = async () => {
      await Promise.all(pending);
      await chmod(path, entry.mode);
      await utimes(path, Number(entry.modified), Number(entry.modified)).catch(() => {});
    };
    await this.#begun(parent, finish);
  }

  async #begun(parent: Open | undefined, task: () => Promise<void>): Promise<void> {
    const { over } = await this.tasks.begin(task);
    if (!parent) return;
    parent.pending.add(over);
    void over.then(() => parent.pending.delete(over));
  }
}

const SLASH = 0x2f;

/** Makes a directory; gives false when there is one. @throws what `mkdir` says when there is something else, a link among them */
async function makeDirectory(path: LocalPath, mode: number, look: typeof lstat): Promise<boolean> {
  try {
    // Until it is full it must be possible to write into it.
    await mkdir(path, mode | 0o700);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST" || !(await look(path)).isDirectory()) throw error;
    return false;
  }
}
