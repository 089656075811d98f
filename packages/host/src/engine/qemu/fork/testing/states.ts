/** FOR TESTS ONLY: states of machines, as QEMU writes them. */
import { randomBytes } from "node:crypto";

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
export const join = (...parts: (Buffer | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));

export const HEADER = join(Buffer.from("QEVM"), u32(3));
const RAM_ID = 2;
const footer = join(0x7e, u32(RAM_ID));
export const device = (name: string) => join(4, u32(9), text(name), u32(0), u32(1), randomBytes(40), 0x7e, u32(9));
/** The state of a machine's devices. */
export const DEVICES = join(HEADER, device("timer"), device("virtio-mmio"), 0);

/** A template's state in the form that QEMU 10.0 writes. */
export function templateState({ capability = "x-ignore-shared", section = "ram" } = {}): Buffer {
  const capabilities = join(5, text("configuration/capabilities"), u32(1), u32(1), text(capability));
  const configuration = join(7, u32(7), Buffer.from("microvm"), capabilities);
  const block = (name: string, bytes: number) => join(text(name), u64(bytes), u64(0));
  const blocks = join(u64(0x5000_1000 | 4), block("m0", 0x5000_0000), block("pc.bios", 0x1000), u64(0x10));
  const setup = join(1, u32(RAM_ID), text(section), u32(0), u32(4), blocks, footer);
  const pages = join(u64(0x08), text("pc.bios"), randomBytes(4096), u64(0x2000 | 0x22), 0, u64(0x10));
  const parts = join(2, u32(RAM_ID), pages, footer, 3, u32(RAM_ID), u64(0x10), footer);
  return join(
    HEADER,
    configuration,
    setup,
    parts,
    8,
    u16(11),
    u16(0),
    DEVICES.subarray(8),
    6,
    u32(2),
    Buffer.from("{}"),
  );
}
