import { Buffer } from "node:buffer";
import { ArchiveError, BLOCK_BYTES, checksum, decodeRecords, type Entry, FLAGS, paddingOf } from "./header.ts";

/** Largest records of one entry, in bytes: a path of 4 KiB and one for a link fit many times. */
const MAX_RECORDS_BYTES = 256 * 1024;
/** Most global headers between entries: more say nothing, and cost time. */
const MAX_GLOBALS = 1_000;
/** Seconds since 1970 that a date holds, either way. */
const MAX_SECONDS = 8_640_000_000_000;
/** The record in which a sandbox says what its archive lacks. */
const SKIPPED_RECORD = "SANDKEEP.skipped";

/**
 * Reads an archive that comes from a sandbox, where anybody may have made it up. What it gives is well formed; whether a name
 * is acceptable is for the one who writes it.
 */
export class ArchiveReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #onSkip: (path: string, reason: string) => void;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of the last entry's content that were not read yet, and those that fill its last block. */
  #content = 0;
  #padding = 0;

  /** @param onSkip told of what the sandbox left out, and why */
  constructor(source: AsyncIterable<Uint8Array>, onSkip: (path: string, reason: string) => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#onSkip = onSkip;
  }

  /** The next entry, or null at the end. The content of the one before is passed over. @throws {ArchiveError} */
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

  /** The content of the last entry, in pieces. */
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

  /** Reads until so many bytes are held. */
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
  if (octal(header, 148, 8) !== checksum(header)) throw new ArchiveError("a header with a wrong sum");
  return { flag: String.fromCharCode(header[156]!), size: octal(header, 124, 12) };
}

/** A field of octal digits, ended by a NUL or a blank. */
function octal(header: Buffer, at: number, length: number): number {
  const digits = /^ *([0-7]*)[\0 ]*$/.exec(header.toString("latin1", at, at + length))?.[1];
  if (digits === undefined) throw new ArchiveError("a field that is no number");
  return digits === "" ? 0 : parseInt(digits, 8);
}

/** Bytes up to a NUL or the end of the field. */
function text(header: Buffer, at: number, length: number): Buffer {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/** What a header says with its records, of which each counts more than its field. */
function entryOf(header: Buffer, records: Map<string, Buffer>): Entry {
  const { flag, size: field } = decodeBlock(header);
  const kind =
    flag === FLAGS.file ? "file" : flag === FLAGS.link ? "link" : flag === FLAGS.directory ? "directory" : undefined;
  if (!kind) throw new ArchiveError(`an entry of the kind ${JSON.stringify(flag)}`);
  const name = records.get("path") ?? text(header, 0, 100);
  const target = kind === "link" ? (records.get("linkpath") ?? text(header, 157, 100)) : Buffer.alloc(0);
  if (!name.length || name.includes(0) || target.includes(0))
    throw new ArchiveError("an entry without a path, or with a NUL byte in it");
  const size = records.has("size") ? Number(records.get("size")) : field;
  if (!Number.isSafeInteger(size) || size < 0 || (kind !== "file" && size > 0))
    throw new ArchiveError("an entry of an impossible size");
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

/** A time that this system can take: one that makes no sense is the beginning of 1970. */
function timeOf(text: string): string {
  return /^-?\d{1,14}(\.\d{1,9})?$/.test(text) && Math.abs(Number(text)) <= MAX_SECONDS ? text : "0";
}
