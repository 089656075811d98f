/**
 * A clone never boots, but QEMU needs a kernel before it lays out the firmware that the template's state refers to. The
 * kernel's header alone is enough, and saves every clone the time and memory of a whole kernel.
 */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Where a bzImage has the number of 512 byte sectors in its real-mode part (Linux x86 boot protocol, `setup_sects`).
 */
const SETUP_SECTS_OFFSET = 0x1f1;
const SECTOR_BYTES = 512;
/** Something must follow the real-mode part. */
const REST_BYTES = 4096;

/** The stub files in a template's folder. */
export function stubsIn(dir: string): { kernel: string; initramfs: string } {
  return { kernel: join(dir, "kernel"), initramfs: join(dir, "initramfs") };
}

/** Writes the stubs of a kernel into a template's folder. */
export async function writeStubs(kernel: string, dir: string): Promise<void> {
  const stubs = stubsIn(dir);
  const source = await open(kernel, "r");
  try {
    const { buffer } = await source.read(Buffer.alloc(SETUP_SECTS_OFFSET + 1), 0, SETUP_SECTS_OFFSET + 1, 0);
    // Zero means four, for historical reasons; the boot sector is not counted.
    const sectors = (buffer[SETUP_SECTS_OFFSET] || 4) + 1;
    const length = sectors * SECTOR_BYTES + REST_BYTES;
    const { buffer: header } = await source.read(Buffer.alloc(length), 0, length, 0);
    await writeFile(stubs.kernel, header);
  } finally {
    await source.close();
  }
  await writeFile(stubs.initramfs, Buffer.alloc(SECTOR_BYTES));
}
