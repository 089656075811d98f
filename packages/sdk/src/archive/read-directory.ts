import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { END, type Entry, encodeEntry, paddingOf } from "./header.ts";
import { relativeInside } from "./link-target.ts";
import { type LocalPath, NAMES_ARE_BYTES, named, nameOf, shown, within } from "./local-path.ts";
import { CONCURRENCY, SMALL_BYTES } from "./tasks.ts";

/**
 * How much of a large file is read at a time, and about how much of small files is sent together, in bytes: as much as a
 * frame holds.
 */
const PIECE_BYTES = 64 * 1024;
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

export interface ReadDirectoryOptions {
  /** Called for everything that is left out, with the reason. */
  onSkip: (path: string, reason: string) => void;
}

/** An entry of the directory. */
interface Found {
  path: LocalPath;
  /** As in {@link Entry}. */
  name: Buffer;
  kind: Entry["kind"];
  depth: number;
}

/** The headers of an entry, and its content or an open file with it. */
interface Prepared {
  header: Buffer;
  content?: Buffer;
  file?: { handle: FileHandle; path: LocalPath; size: number };
}

/** The archive of a local directory and everything in it. */
export async function* readDirectory(source: string, { onSkip }: ReadDirectoryOptions): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let held = 0;
  for await (const { header, content, file } of prepared(source, onSkip)) {
    waiting.push(header);
    held += header.length;
    if (content) {
      waiting.push(content, Buffer.alloc(paddingOf(content.length)));
      held += content.length + paddingOf(content.length);
    }
    if (!file && held < PIECE_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    held = 0;
    if (file) yield* contentOf(file);
  }
  yield Buffer.concat([...waiting, END]);
}

/** All entries in order. While one is sent, the next ones are already being read. */
async function* prepared(source: string, onSkip: (path: string, reason: string) => void): AsyncGenerator<Prepared> {
  const ahead: Promise<Prepared | null>[] = [];
  const found = everything(source, onSkip);
  try {
    for (let more = true; more || ahead.length; ) {
      while (more && ahead.length < CONCURRENCY) {
        const next = await found.next();
        if (next.done) {
          more = false;
          break;
        }
        const preparing = prepare(next.value, source, onSkip);
        preparing.catch(() => {});
        ahead.push(preparing);
      }
      const first = await ahead[0];
      ahead.shift();
      if (first) {
        try {
          yield first;
        } finally {
          await first.file?.handle.close();
        }
      }
    }
  } finally {
    for (const preparing of ahead)
      await preparing.then(
        (entry) => entry?.file?.handle.close(),
        () => {},
      );
  }
}

/** Walks depth first: a directory, then its content, then its siblings. */
async function* everything(source: string, onSkip: (path: string, reason: string) => void): AsyncGenerator<Found> {
  yield { path: source, name: Buffer.from("./"), kind: "directory", depth: 0 };
  const open = [{ path: source as LocalPath, prefix: Buffer.alloc(0), names: await list(source) }];
  while (open.length) {
    const { path, prefix, names } = open.at(-1)!;
    const entry = names.pop();
    if (!entry) {
      open.pop();
      continue;
    }
    const at = within(path, entry.name);
    const name = Buffer.concat([prefix, Buffer.from(entry.name)]);
    const depth = open.length - 1;
    if (entry.isDirectory()) {
      const below = Buffer.concat([name, Buffer.from("/")]);
      const listed = await list(at).catch(ifGone);
      if (!listed) {
        onSkip(shown(at), GONE);
        continue;
      }
      yield { path: at, name: below, kind: "directory", depth };
      open.push({ path: at, prefix: below, names: listed });
    } else if (entry.isFile() || entry.isSymbolicLink()) {
      yield { path: at, name, kind: entry.isFile() ? "file" : "link", depth };
    } else {
      onSkip(shown(at), "neither a file nor a directory nor a link");
    }
  }
}

interface Listed {
  name: LocalPath;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** The entries of a directory, in reverse order. */
async function list(path: LocalPath): Promise<Listed[]> {
  if (!NAMES_ARE_BYTES) return (await readdir(path, { withFileTypes: true })).reverse();
  const entries = await readdir(path, { withFileTypes: true, encoding: "buffer" });
  return entries.reverse().map((entry) => ({
    name: nameOf(entry.name),
    isFile: () => entry.isFile(),
    isDirectory: () => entry.isDirectory(),
    isSymbolicLink: () => entry.isSymbolicLink(),
  }));
}

const GONE = "it went away while the directory was read";

/** Skips a file that has disappeared; other errors are thrown. */
function ifGone(error: { code?: string }): null {
  if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "ELOOP" || error.code === "EINVAL")
    return null;
  throw error;
}

async function prepare(
  found: Found,
  source: string,
  onSkip: (path: string, reason: string) => void,
): Promise<Prepared | null> {
  const ready = await (found.kind === "file" ? prepareFile(found) : prepareOther(found, source)).catch(ifGone);
  if (!ready)
    onSkip(
      shown(found.path),
      !NAMES_ARE_BYTES && shown(found.path).includes("\ufffd")
        ? "its name is not UTF-8, which this runtime cannot read"
        : GONE,
    );
  return ready;
}

async function prepareOther({ path, name, kind, depth }: Found, source: string): Promise<Prepared> {
  const { mode, mtimeNs } = await lstat(path, { bigint: true });
  const text =
    kind === "link"
      ? Buffer.from(NAMES_ARE_BYTES ? await readlink(path, "buffer") : await readlink(path))
      : Buffer.alloc(0);
  const target = kind === "link" ? Buffer.from(relativeInside(text, source, depth)) : text;
  return {
    header: encodeEntry({ kind, name, mode: Number(mode) & 0o777, modified: secondsOf(mtimeNs), size: 0, target }),
  };
}

async function prepareFile({ path, name }: Found): Promise<Prepared | null> {
  const handle = await open(path, READ);
  let keep = false;
  try {
    const info = await handle.stat({ bigint: true });
    if (!info.isFile()) return null;
    const size = Number(info.size);
    const header = encodeEntry({
      kind: "file",
      name,
      mode: Number(info.mode) & 0o777,
      modified: secondsOf(info.mtimeNs),
      size,
      target: Buffer.alloc(0),
    });
    if (size > SMALL_BYTES) {
      keep = true;
      return { header, file: { handle, path, size } };
    }
    const content = Buffer.alloc(size);
    await fill(handle, path, content);
    return { header, content };
  } finally {
    if (!keep) await handle.close();
  }
}

/** As much of a file as it had when it was opened, even if it has grown since. */
async function* contentOf({
  handle,
  path,
  size,
}: {
  handle: FileHandle;
  path: LocalPath;
  size: number;
}): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; ) {
    const piece = Buffer.allocUnsafeSlow(Math.min(left, PIECE_BYTES * 4));
    await fill(handle, path, piece);
    left -= piece.length;
    yield piece;
  }
  if (paddingOf(size)) yield Buffer.alloc(paddingOf(size));
}

/** @throws when the file is shorter */
async function fill(handle: FileHandle, path: LocalPath, to: Buffer): Promise<void> {
  for (let at = 0; at < to.length; ) {
    const { bytesRead } = await handle.read(to, at, to.length - at, null).catch((error: unknown) => {
      throw named(error, path);
    });
    if (bytesRead === 0) throw shorter(path);
    at += bytesRead;
  }
}

/** An error in the form of system errors. */
function shorter(path: LocalPath): Error {
  return Object.assign(new Error(`EIO: the file became shorter while it was read '${shown(path)}'`), {
    code: "EIO",
    syscall: "read",
    path: shown(path),
  });
}

/** Nanoseconds since 1970 as decimal seconds. */
function secondsOf(ns: bigint): string {
  const digits = (ns < 0n ? -ns : ns).toString().padStart(10, "0");
  return `${ns < 0n ? "-" : ""}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
