import { Buffer } from "node:buffer";
import { chmod, lstat, lutimes, mkdir, stat, symlink, unlink, utimes } from "node:fs/promises";
import { ArchiveError, type Entry } from "./header.ts";
import { relativeInside } from "./link-target.ts";
import { LINKS_ARE_SAFE, type LocalPath, nameOf, shown, unusable, within } from "./local-path.ts";
import type { ArchiveReader } from "./reader.ts";
import { SMALL_BYTES, Tasks } from "./tasks.ts";
import { writeSmall, writeStream } from "./write-file.ts";

/** Deepest nesting of directories. The agent sends no deeper ones, and each level needs memory here. */
const MAX_DEPTH = 512;

/** One of the directories on the path from the target to the one that is being filled. */
interface Open {
  /** The prefix of its entries' names. */
  prefix: Buffer;
  /** Null if this computer cannot have the directory; everything in it is then skipped as well. */
  path: LocalPath | null;
  /**
   * The entry with the mode and time that are set once the directory is complete; undefined if it existed before, and keeps
   * them.
   */
  entry: Entry | undefined;
  /** The writes in it that have not finished. */
  pending: Set<Promise<void>>;
}

export interface WriteDirectoryOptions {
  /** Where the directory was in the sandbox: links into it become relative. */
  source: string;
  /** Whether the target may be a link to a directory, because the user named it rather than the sandbox. */
  followTarget: boolean;
  /** Whether to create links; they are skipped otherwise. */
  makeLinks?: boolean;
  onSkip: (path: string, reason: string) => void;
}

/**
 * Writes an archive into a directory, which is created if it does not exist.
 *
 * The archive comes from a sandbox, which may be hostile. So everything is written directly into directories that were
 * created here or are known to be directories rather than links; names have a single component; files are never opened
 * through a link. Whatever the archive says, in whatever order, nothing outside the target is touched.
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
  /** From the target downwards. */
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
      throw new ArchiveError("it does not start with its directory");
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
      throw new ArchiveError(`directories nested more than ${MAX_DEPTH} deep`);
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

  /** The directory that an entry belongs to, and its name there. Completes the directories below that one. */
  async #place({ name, kind }: Entry): Promise<{ parent: Open; base: Buffer }> {
    const end = kind === "directory" && name.at(-1) === SLASH ? name.length - 1 : name.length;
    const at = name.subarray(0, end).lastIndexOf(SLASH) + 1;
    const base = name.subarray(at, end);
    const text = base.toString("latin1");
    if (text === "" || text === "." || text === "..")
      throw new ArchiveError(`${JSON.stringify(name.toString())} is not a valid name`);
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

  /** A link replaces whatever exists, unless that is a directory. */
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

  /**
   * Completes the lowest directory: sets its mode and time as soon as everything in it is written, and its parent's after
   * that.
   */
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

/**
 * Creates a directory. Resolves to false if there is one already.
 * @throws the error of `mkdir` if there is anything else, such as a link
 */
async function makeDirectory(path: LocalPath, mode: number, look: typeof lstat): Promise<boolean> {
  try {
    // It must be writable until it is complete.
    await mkdir(path, mode | 0o700);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST" || !(await look(path)).isDirectory()) throw error;
    return false;
  }
}
