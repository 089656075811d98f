/** FOR TESTS ONLY: a bzImage around a kernel that does nothing. */
export const KERNEL = Buffer.concat([Buffer.from("\x7fELF", "latin1"), Buffer.alloc(10_000, "kernel")]);

/** A bzImage as the kernel's build makes one: boot sector, real-mode part, decompressor, payload with its size. */
export function bzImage(payload: Buffer): Buffer {
  const setup = Buffer.alloc(3 * 512);
  setup[0x1f1] = 2;
  setup.write("HdrS", 0x202, "latin1");
  setup.writeUInt16LE(0x20f, 0x206);
  const decompressor = Buffer.alloc(716, 0x90);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(KERNEL.length);
  setup.writeUInt32LE(decompressor.length, 0x248);
  setup.writeUInt32LE(payload.length + size.length, 0x24c);
  return Buffer.concat([setup, decompressor, payload, size, Buffer.alloc(64, "after")]);
}
