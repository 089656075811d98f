import { Buffer } from "node:buffer";
import { ArchiveError, BLOCK_BYTES, checksum, decodeRecords, type Entry, FLAGS, paddingOf } from "./header.ts";

/** Largest size of an entry's records, in bytes: many times the 4 KiB that a path or a link's target can have. */
const MAX_RECORDS_BYTES = 256 * 1024;
/** Most global headers between two entries: more would only cost time. */
const MAX_GLOBALS = 1_000;
/** Most seconds before or after 1970 that a `Date` can represent. */
const MAX_SECONDS = 8_640_000_000_000;
/** The record in which a sandbox reports what it left out of its archive. */
const SKIPPED_RECORD = "SANDKEEP.skipped";

/**
 * Reads an archive from a sandbox, which may be hostile. The entries it returns are well formed; whoever writes them must
 * still decide whether their names are acceptable.
 */
export class ArchiveReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #onSkip: (path: string, reason: string) => void;
  #held: Buffer = Buffer.alloc(0);
  /** Unread bytes of the last entry's content, and the padding of its last block. */
  #content = 0;
  #padding = 0;

  /** @param onSkip called for everything that the sandbox left out, with the reason */
  constructor(source: AsyncIterable<Uint8Array>, onSkip: (path: string, reason: string) => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#onSkip = onSkip;
  }

  /** The next entry, or null at the end. Skips unread content of the previous one. @throws {ArchiveError} */
  async next(): Promise<Entry | null> {
    for await (const _ of this.content());
    let records = new Map<string, Buffer>();
    for (let headers = 0; headers < MAX_GLOBALS; headers++) {
      const header = await this.#take(BLOCK_BYTES);
      if (header.every((byte) => byte === 0)) return null;
      const { flag, size } = decodeBlock(header);
      if (flag !== FLAGS.extended && flag !== FLAGS.global) return this.#enter(entryOf(header, records));
      if (size > MAX_RECORDS_BYTES) throw new ArchiveError("records that are too long");
      const body = await this.#take(size + paddingOf(size));
      const decoded = decodeRecords(body.subarray(0, size));
      if (flag === FLAGS.extended) records = decoded;
      else this.#tellSkipped(decoded.get(SKIPPED_RECORD));
    }
    throw new ArchiveError("too many headers without an entry");
  }

  /** The content of the last entry, in chunks. */
  async *content(): AsyncGenerator<Buffer> {
    while (this.#content > 0) {
      if (this.#held.length === 0) await this.#fill(1);
      const piece = this.#held.subarray(0, this.#content);
      this.#held = this.#held.subarray(piece.length);
      this.#content -= piece.length;
      yield piece;
    }
    if (this.#padding > 0) await this.#take(this.#padding);
    this.#padding = 0;
  }

  #enter(entry: Entry): Entry {
    this.#content = entry.size;
    this.#padding = paddingOf(entry.size);
    return entry;
  }

  async #take(bytes: number): Promise<Buffer> {
    if (this.#held.length < bytes) await this.#fill(bytes);
    const taken = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    return taken;
  }

  /** Reads until this many bytes are buffered. */
  async #fill(bytes: number): Promise<void> {
    const pieces = [this.#held];
    for (let length = this.#held.length; length < bytes; ) {
      const { value, done } = await this.#source.next();
      if (done) throw new ArchiveError("it ends too early");
      pieces.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      length += value.byteLength;
    }
    this.#held = pieces.length === 2 && pieces[0]!.length === 0 ? pieces[1]! : Buffer.concat(pieces);
  }

  #tellSkipped(record: Buffer | undefined): void {
    if (!record) return;
    let skipped: unknown;
    try {
      skipped = JSON.parse(record.toString());
    } catch {
      throw new ArchiveError("malformed records");
    }
    const { path, reason } = Object(skipped) as Record<string, unknown>;
    if (typeof path === "string" && typeof reason === "string") this.#onSkip(path, reason);
  }
}

function decodeBlock(header: Buffer): { flag: string; size: number } {
  if (octal(header, 148, 8) !== checksum(header)) throw new ArchiveError("a header with a wrong checksum");
  return { flag: String.fromCharCode(header[156]!), size: octal(header, 124, 12) };
}

/** A field of octal digits, terminated by a NUL or a space. */
function octal(header: Buffer, at: number, length: number): number {
  const digits = /^ *([0-7]*)[\0 ]*$/.exec(header.toString("latin1", at, at + length))?.[1];
  if (digits === undefined) throw new ArchiveError("a field that is not a number");
  return digits === "" ? 0 : parseInt(digits, 8);
}

/** Bytes up to a NUL or the end of the field. */
function text(header: Buffer, at: number, length: number): Buffer {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/** A header combined with its records, which take precedence over the fields. */
function entryOf(header: Buffer, records: Map<string, Buffer>): Entry {
  const { flag, size: field } = decodeBlock(header);
  const kind =
    flag === FLAGS.file ? "file" : flag === FLAGS.link ? "link" : flag === FLAGS.directory ? "directory" : undefined;
  if (!kind) throw new ArchiveError(`an entry of unsupported type ${JSON.stringify(flag)}`);
  const name = records.get("path") ?? text(header, 0, 100);
  const target = kind === "link" ? (records.get("linkpath") ?? text(header, 157, 100)) : Buffer.alloc(0);
  if (!name.length || name.includes(0) || target.includes(0))
    throw new ArchiveError("an entry without a path, or with a NUL byte in it");
  const size = records.has("size") ? Number(records.get("size")) : field;
  if (!Number.isSafeInteger(size) || size < 0 || (kind !== "file" && size > 0))
    throw new ArchiveError("an entry with an impossible size");
  const modified = records.get("mtime")?.toString("latin1") ?? String(octal(header, 136, 12));
  return {
    kind,
    name: Buffer.from(name),
    mode: octal(header, 100, 8) & 0o777,
    modified: timeOf(modified),
    size,
    target: Buffer.from(target),
  };
}

/** A time that this system accepts; an unreasonable one becomes the start of 1970. */
function timeOf(text: string): string {
  return /^-?\d{1,14}(\.\d{1,9})?$/.test(text) && Math.abs(Number(text)) <= MAX_SECONDS ? text : "0";
}
