/**
 * QEMU's migration stream, as far as a fork needs it: the state of a parent's devices (`xen-save-devices-state`) is
 * loaded into a child whose memory is already there. Alone it does not load, because it lacks the configuration and the
 * list of memory blocks. Those are taken from the template's state, whose part before the devices contains nothing else:
 * the guest's memory is in a file of its own.
 *
 * The format is QEMU's own (`migration/savevm.c` and `ram.c`) and belongs to no stable interface. So everything that is
 * not expected is an error, and `local/forks/fork-method.ts` tries with each version of QEMU whether a fork works.
 */

/** More than any state; 100 KB are usual. */
export const MAX_STATE_BYTES = 16 * 1024 ** 2;

const MAGIC = 0x5145_564d;
const VERSION = 3;
const RAM_VERSION = 4;
const HEADER_BYTES = 8;
const PAGE_BYTES = 4096;
/** Memory blocks of a machine; it has about ten. */
const MAX_BLOCKS = 256;

/** Types of sections. */
const END_OF_STREAM = 0;
const START = 1;
const PART = 2;
const END = 3;
const FULL = 4;
const SUBSECTION = 5;
const CONFIGURATION = 7;
const COMMAND = 8;
const FOOTER = 0x7e;

/** Flags in the low bits of a page's address. */
const RAM_FILL = 0x02n;
const RAM_SIZE = 0x04n;
const RAM_PAGE = 0x08n;
const RAM_END = 0x10n;
const RAM_SAME_BLOCK = 0x20n;
const RAM_FLAGS = BigInt(PAGE_BYTES - 1);

/** Says that the stream has an empty description, which QEMU expects at the end: type 6, its length, `{}`. */
const DESCRIPTION = Buffer.from([6, 0, 0, 0, 2, 0x7b, 0x7d]);

export class StreamError extends Error {
  override name = "StreamError";
}

/**
 * The state to load into a child.
 *
 * @param template the template's state
 * @param devices what QEMU wrote for the parent
 * @throws {StreamError}
 */
export function spliceStates(template: Buffer, devices: Buffer): Buffer {
  const before = template.subarray(0, devicesOffset(template));
  const reader = new Reader(devices);
  reader.header();
  if (reader.byte() !== FULL) throw new StreamError("The state of the devices does not begin with a device.");
  if (devices[devices.length - 1] !== END_OF_STREAM) throw new StreamError("The state of the devices is not complete.");
  return Buffer.concat([before, devices.subarray(HEADER_BYTES), DESCRIPTION]);
}

/** Where the devices begin in a template's state. @throws {StreamError} */
export function devicesOffset(state: Buffer): number {
  const reader = new Reader(state);
  reader.header();
  reader.expect(CONFIGURATION, "a configuration");
  reader.skip(reader.uint32());
  const ignoresShared = reader.capabilities().includes("x-ignore-shared");
  if (!ignoresShared) throw new StreamError("The state contains the guest's memory.");
  reader.expect(START, "the memory blocks");
  const id = reader.uint32();
  if (reader.text() !== "ram") throw new StreamError("The state begins with something other than memory.");
  if (reader.uint32() !== 0 || reader.uint32() !== RAM_VERSION)
    throw new StreamError("The state has an unknown version of memory.");
  reader.blockList();
  reader.footer(id);
  for (;;) {
    const at = reader.offset;
    const type = reader.byte();
    if (type === FULL) return at;
    if (type === COMMAND) {
      reader.uint16();
      reader.skip(reader.uint16());
      continue;
    }
    if (type !== PART && type !== END) throw new StreamError(`The state has a section of type ${type} before devices.`);
    if (reader.uint32() !== id) throw new StreamError("The state has a second part that is not memory.");
    reader.pages();
    reader.footer(id);
  }
}

class Reader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    if (bytes.length > MAX_STATE_BYTES)
      throw new StreamError(`The state is over ${MAX_STATE_BYTES / 1024 ** 2} MiB, more than any machine's.`);
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  skip(bytes: number): number {
    const at = this.#offset;
    if (bytes > this.#bytes.length - at) throw new StreamError("The state ends too early.");
    this.#offset += bytes;
    return at;
  }

  byte(): number {
    return this.#bytes[this.skip(1)]!;
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.skip(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.skip(4));
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.skip(8));
  }

  /** Text with its length in a byte. */
  text(): string {
    const length = this.byte();
    const at = this.skip(length);
    return this.#bytes.toString("latin1", at, at + length);
  }

  expect(type: number, what: string): void {
    const found = this.byte();
    if (found !== type) throw new StreamError(`The state has a section of type ${found} where ${what} should be.`);
  }

  header(): void {
    if (this.uint32() !== MAGIC || this.uint32() !== VERSION)
      throw new StreamError("This is not the state of a machine, or of an unknown version.");
  }

  footer(id: number): void {
    this.expect(FOOTER, "the end of a section");
    if (this.uint32() !== id) throw new StreamError("A section of the state has the end of another one.");
  }

  /** The subsections of the configuration; only the list of capabilities is known. */
  capabilities(): string[] {
    const names: string[] = [];
    while (this.#bytes[this.#offset] === SUBSECTION) {
      this.skip(1);
      const name = this.text();
      if (name !== "configuration/capabilities" || this.uint32() !== 1)
        throw new StreamError(`The state's configuration has an unknown part ${JSON.stringify(name)}.`);
      for (let left = this.uint32(); left > 0; left--) names.push(this.text());
    }
    return names;
  }

  /** The total size, then each block's name, size and address. */
  blockList(): void {
    const total = this.uint64();
    if ((total & RAM_FLAGS) !== RAM_SIZE) throw new StreamError("The state has no list of memory blocks.");
    let left = total & ~RAM_FLAGS;
    for (let n = 0; left > 0n; n++) {
      if (n === MAX_BLOCKS) throw new StreamError("The state has too many memory blocks.");
      this.text();
      left -= this.uint64();
      this.uint64();
    }
    if (left < 0n) throw new StreamError("The state's memory blocks are larger than all of them together.");
    if (this.uint64() !== RAM_END) throw new StreamError("The state's list of memory blocks has no end.");
  }

  /** Pages of small blocks that are not in the memory's file, such as tables of the firmware. */
  pages(): void {
    for (;;) {
      const flags = this.uint64() & RAM_FLAGS;
      if (flags === RAM_END) return;
      const kind = flags & ~RAM_SAME_BLOCK;
      if (kind !== RAM_PAGE && kind !== RAM_FILL)
        throw new StreamError(`The state has a page of unknown form ${flags}.`);
      if ((flags & RAM_SAME_BLOCK) === 0n) this.text();
      this.skip(kind === RAM_PAGE ? PAGE_BYTES : 1);
    }
  }
}
