/**
 * The format of exported disks, a zstd stream of:
 *
 * 1. `sandkeep disk 1` and a line feed
 * 2. the length of the header (32 bits, big-endian), and the header: JSON, {@link DiskFileHeader}
 * 3. `dataBytes` bytes: a qcow2 file without a backing file
 * 4. the SHA-256 of everything before it
 */
import { createHash } from "node:crypto";
import { finished, pipeline, Readable } from "node:stream";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { ApiError } from "@sandkeep/protocol";
import { z } from "zod";
import { ByteReader } from "./byte-reader.ts";

const MAGIC = Buffer.from("sandkeep disk 1\n");
const LENGTH_BYTES = 4;
const DIGEST_BYTES = 32;
/** Far above what it needs, bytes. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Fast, and much smaller than nothing at all: a volume's content is usually limited by the disk, not by this. */
const LEVEL = 3;
/** Pieces that are compressed or decompressed at once, bytes: each takes a turn of the event loop, and Node's default is 16 KiB. */
const CHUNK_BYTES = 256 * 1024;
/** What decompressing may take of memory: 8 MiB, as 2 to the power of this. A file that needs more is not ours. */
const WINDOW_LOG = 23;

const headerSchema = z.object({
  capacityBytes: z.int().positive(),
  bootable: z.boolean(),
  dataBytes: z.int().positive(),
  /** What it was exported from, for people. */
  slug: z.string(),
  exportedAt: z.string(),
});
export type DiskFileHeader = z.infer<typeof headerSchema>;

/** The file, as it is being made. If `data` fails, so does this; if this is destroyed, so is `data`. */
export function writeDiskFile(header: DiskFileHeader, data: Readable): Readable {
  async function* plain(): AsyncGenerator<Uint8Array> {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(json.length);
    const hash = createHash("sha256");
    const start = Buffer.concat([MAGIC, length, json]);
    hash.update(start);
    yield start;
    for await (const piece of data) {
      hash.update(piece);
      yield piece;
    }
    yield hash.digest();
  }
  const compressed = createZstdCompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  compressed.once("close", () => data.destroy());
  return pipeline(Readable.from(plain(), { objectMode: false }), compressed, () => {});
}

export interface ReadDiskFile extends AsyncDisposable {
  header: DiskFileHeader;
  /** Fails at its end if anything in the file is not as it was written. */
  data: Readable;
}

/**
 * Reads a file up to its data.
 *
 * @throws {ApiError} `INVALID_DISK_FILE`
 */
export async function readDiskFile(source: Readable): Promise<ReadDiskFile> {
  const plain = createZstdDecompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG },
  });
  // Not with `pipeline`, which gives the source the decompressor's errors: then nobody knows whose they are.
  plain.on("error", () => {});
  finished(source, (error) => {
    if (error) plain.destroy(error);
  });
  source.pipe(plain);
  const hash = createHash("sha256");
  const reader = new ByteReader(plain, hash);
  /** What the source says is the client's or the connection's; what the decompressor says is about the file. */
  const explained = (error: unknown) =>
    error instanceof ApiError || error === source.errored ? error : invalid("it is damaged", error);
  const close = () => void (source.destroy(), plain.destroy());
  try {
    if (!(await reader.take(MAGIC.length)).equals(MAGIC)) throw invalid("it does not begin as one");
    const length = (await reader.take(LENGTH_BYTES)).readUInt32BE();
    if (length > MAX_HEADER_BYTES) throw invalid("its header is too long");
    const header = parseHeader(await reader.take(length));
    return {
      header,
      data: Readable.from(data(header), { objectMode: false }),
      async [Symbol.asyncDispose]() {
        close();
      },
    };
  } catch (error) {
    close();
    throw explained(error);
  }

  async function* data({ dataBytes }: DiskFileHeader): AsyncGenerator<Uint8Array> {
    try {
      yield* reader.stream(dataBytes);
      const digest = hash.digest();
      if (!(await reader.take(DIGEST_BYTES, null)).equals(digest)) throw invalid("its checksum is wrong");
      if (!(await reader.ended())) throw invalid("it goes on after its end");
    } catch (error) {
      throw explained(error);
    } finally {
      close();
    }
  }
}

function parseHeader(bytes: Buffer): DiskFileHeader {
  try {
    return headerSchema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw invalid("its header cannot be read", error);
  }
}

function invalid(why: string, cause?: unknown): ApiError {
  return new ApiError("INVALID_DISK_FILE", `The file is not an exported disk, or was changed or cut off: ${why}.`, {
    cause,
  });
}
