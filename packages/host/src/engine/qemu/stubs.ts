/**
 * A clone never boots, but QEMU needs a kernel before it lays out the firmware that the template's state refers to. An
 * ELF file with nothing to load is enough, and saves every clone the time and memory of a whole kernel.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
/** Of the same file size as any other initramfs: none is read. */
const INITRAMFS_BYTES = 512;

/** The stub files in a template's folder. */
export function stubsIn(dir: string): { kernel: string; initramfs: string } {
  return { kernel: join(dir, "kernel"), initramfs: join(dir, "initramfs") };
}

/** Writes the stubs into a template's folder. */
export async function writeStubs(dir: string): Promise<void> {
  const stubs = stubsIn(dir);
  await writeFile(stubs.kernel, kernelStub());
  await writeFile(stubs.initramfs, Buffer.alloc(INITRAMFS_BYTES));
}

/** A 64-bit ELF file for x86 whose only part is the note by which QEMU recognises a kernel that it can start (PVH). */
function kernelStub(): Buffer {
  const note = Buffer.concat([words(4, 8, XEN_ELFNOTE_PHYS32_ENTRY), Buffer.from("Xen\0"), words(ENTRY, 0)]);
  const header = Buffer.alloc(ELF_HEADER_BYTES);
  // Class 64 bit, little-endian, version 1; then type "executable", machine x86-64, version 1.
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.set([2, 0, 62, 0, 1], 16);
  header.writeUInt32LE(ENTRY, 24);
  header.writeUInt32LE(ELF_HEADER_BYTES, 32);
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(1, 56);
  const offset = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  // Type, flags, then pairs of 32 bit: offset, virtual and physical address, size in the file and in memory, alignment.
  const program = words(PT_NOTE, 4, offset, 0, 0, 0, 0, 0, note.length, 0, note.length, 0, 4, 0);
  return Buffer.concat([header, program, note]);
}

const PT_NOTE = 4;
/** Type of the note, and the address it gives (Linux: include/xen/interface/elfnote.h); nothing ever runs there. */
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const ENTRY = 0x100_0000;

function words(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}
