/**
 * qcow2 overlays, made with qemu-img. Disks that a machine could write to are never opened here: their header may name
 * any file.
 */
import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

/** Offsets of the magic number and the virtual size in a qcow2 header (docs/interop/qcow2.txt in QEMU's source). */
const MAGIC = 0x514649fb;
const SIZE_OFFSET = 24;

const run = promisify(execFile);

/**
 * Creates an empty overlay of a qcow2 image, which need not exist yet: reads fall through to it, writes stay in the
 * overlay.
 *
 * @param bytes virtual size, as the guest sees it
 */
export async function createOverlay(path: string, backing: string, bytes: number): Promise<void> {
  await run("qemu-img", ["create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", backing, path, String(bytes)]);
}

/** Virtual size of an image, in bytes. @throws if it is not a qcow2 image */
export async function virtualSize(image: string): Promise<number> {
  const file = await open(image, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SIZE_OFFSET + 8), 0, SIZE_OFFSET + 8, 0);
    if (bytesRead < SIZE_OFFSET + 8 || buffer.readUInt32BE(0) !== MAGIC)
      throw new Error(`${image} is not a qcow2 image.`);
    return Number(buffer.readBigUInt64BE(SIZE_OFFSET));
  } finally {
    await file.close();
  }
}
