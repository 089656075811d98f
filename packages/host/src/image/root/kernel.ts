/** Takes the kernel out of a bzImage: an emulated guest would spend more than a second on unpacking it at every boot. */
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";

/** Offsets in a bzImage's header, version 2.08 or newer (Linux x86 boot protocol). */
const SETUP_SECTS = 0x1f1;
const MAGIC = 0x202;
const VERSION = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const HEADER_BYTES = 0x250;

const HEADER_MAGIC = "HdrS";
const FIRST_VERSION = 0x0208;
const SECTOR_BYTES = 512;
/** The payload ends with the size of what it holds. */
const SIZE_BYTES = 4;
const ZSTD_MAGIC = 0xfd2fb528;
const ELF_MAGIC = 0x7f454c46;
/** Debian's has 57 MB. */
const MAX_KERNEL_BYTES = 512 * 1024 ** 2;

const unzstd = promisify(zstdDecompress);

/** The ELF kernel in a bzImage; null if it is packed in another way than Debian's, and has to unpack itself. */
export async function unpackKernel(bzImage: Buffer): Promise<Buffer | null> {
  if (bzImage.length < HEADER_BYTES || bzImage.toString("latin1", MAGIC, MAGIC + 4) !== HEADER_MAGIC) return null;
  if (bzImage.readUInt16LE(VERSION) < FIRST_VERSION) return null;
  // Zero means four, for historical reasons; the boot sector is not counted.
  const start = ((bzImage[SETUP_SECTS] || 4) + 1) * SECTOR_BYTES + bzImage.readUInt32LE(PAYLOAD_OFFSET);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(PAYLOAD_LENGTH));
  if (payload.length <= SIZE_BYTES || payload.readUInt32LE(0) !== ZSTD_MAGIC) return null;
  const kernel = await unzstd(payload.subarray(0, -SIZE_BYTES), { maxOutputLength: MAX_KERNEL_BYTES });
  return kernel.readUInt32BE(0) === ELF_MAGIC ? kernel : null;
}
