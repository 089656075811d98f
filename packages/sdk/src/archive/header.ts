import { Buffer } from "node:buffer";

/**
 * The blocks of a tar archive in pax format (POSIX.1-2001, "pax Interchange Format"), as far as directories of a sandbox need
 * them. Names are bytes, because on Linux they need not be UTF-8.
 */
export const BLOCK_BYTES = 512;

/** The kinds of blocks by their type flag. All others are refused. */
export const FLAGS = { file: "0", link: "2", directory: "5", extended: "x", global: "g" } as const;

/** One file, link or directory, as an archive describes it. */
export interface Entry {
  kind: "file" | "link" | "directory";
  /** Relative to the packed directory, which itself is `./`. Other directories end with a slash. */
  name: Buffer;
  /** Permission bits. */
  mode: number;
  /** Modification time in seconds since 1970, as a decimal number that may have a fraction. */
  modified: string;
  /** Size of the content that follows, in bytes; 0 unless it is a file. */
  size: number;
  /** Target of a link. */
  target: Buffer;
}

/** The archive is malformed, or has entries other than directories, files and links. */
export class ArchiveError extends Error {
  override name = "ArchiveError";
  constructor(detail: string) {
    super(`The sandbox sent an invalid archive: ${detail}`);
  }
}

/** Largest size that an octal field of eleven digits holds: 8 GiB minus one byte. Larger sizes need a record. */
const MAX_OCTAL = 0o77777777777;

/** The headers of one entry: its records, which hold what does not fit into the fixed fields, and its own block. */
export function encodeEntry({ kind, name, mode, modified, size, target }: Entry): Buffer {
  const records = [record("path", name), record("mtime", Buffer.from(modified))];
  if (kind === "link") records.push(record("linkpath", target));
  if (size > MAX_OCTAL) records.push(record("size", Buffer.from(String(size))));
  const body = Buffer.concat(records);
  const seconds = Math.max(0, Math.min(Math.floor(Number(modified)), MAX_OCTAL));
  return Buffer.concat([
    block(FLAGS.extended, "pax", 0o644, body.length, 0),
    body,
    Buffer.alloc(paddingOf(body.length)),
    block(FLAGS[kind], kind === "directory" ? "entry/" : "entry", mode, size > MAX_OCTAL ? 0 : size, seconds),
  ]);
}

/** How many bytes of padding fill the last block. */
export const paddingOf = (size: number): number => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

/** The end of an archive: two empty blocks. */
export const END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

function block(flag: string, name: string, mode: number, size: number, modified: number): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number) =>
    header.write(value.toString(8).padStart(digits, "0"), at, "latin1");
  header.write(name, 0, "latin1");
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(modified, 136, 11);
  header.write(flag, 156, "latin1");
  header.write("ustar\0" + "00", 257, "latin1");
  octal(checksum(header), 148, 6);
  header.write("\0 ", 154, "latin1");
  return header;
}

/** A header's checksum: the sum of its bytes, with spaces in the field of the checksum. */
export function checksum(header: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += header[at]!;
  return sum;
}

/** One record: its own length in decimal, a space, the key, `=`, the value, a newline. */
function record(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length++;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}

/** Reads records. @throws {ArchiveError} for anything that does not have exactly this form */
export function decodeRecords(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(0x20, at);
    const digits = blank < 0 || blank - at > 10 ? "" : body.toString("latin1", at, blank);
    const end = at + Number(digits);
    const equals = body.indexOf(0x3d, blank);
    if (!/^[1-9]\d*$/.test(digits) || end > body.length || equals < 0 || equals >= end || body[end - 1] !== 0x0a) {
      throw new ArchiveError("malformed records");
    }
    records.set(body.toString("latin1", blank + 1, equals), body.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}
