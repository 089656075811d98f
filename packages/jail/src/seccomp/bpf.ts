/** An assembler for the classic BPF programs of seccomp(2). */

export interface Instruction {
  code: number;
  /** How many instructions to skip if a test succeeds, and if it fails. */
  jt: number;
  jf: number;
  k: number;
}

/** Operations (linux/bpf_common.h): load a word of the call's data, compare or test the accumulator, return. */
export const OP = { load: 0x20, equal: 0x15, atLeast: 0x35, anyBit: 0x45, return: 0x06 } as const;

/** Offsets in `struct seccomp_data`. Of a 64-bit argument, this is the lower half on little-endian processors. */
export const DATA = { number: 0, architecture: 4, argument: (index: number) => 16 + 8 * index } as const;

/** What becomes of a call. */
export const VERDICT = {
  allow: 0x7fff0000,
  killProcess: 0x80000000,
  /** EPERM, "operation not permitted". */
  refuse: 0x00050001,
  /** EEXIST, "file exists". */
  exists: 0x00050011,
  /** ENOSYS, "not implemented": the C library and libuv then do without. */
  missing: 0x00050026,
} as const;

export const load = (offset: number): Instruction => ({ code: OP.load, jt: 0, jf: 0, k: offset });
export const give = (verdict: number): Instruction => ({ code: OP.return, jt: 0, jf: 0, k: verdict });
export const test = (code: number, k: number, jt: number, jf: number): Instruction => ({ code, jt, jf, k });

/** Something that must be true of one of a call's arguments. */
export type Condition =
  | { argument: number; equals: number }
  | { argument: number; hasBits: number }
  | { argument: number; lacksBits: number };

/** Allows if all conditions are met; otherwise, execution continues after these instructions. */
function allowIf(conditions: Condition[]): Instruction[] {
  const length = 2 * conditions.length + 1;
  const tests = conditions.flatMap((condition, index) => {
    const past = length - 2 * index - 2;
    const check =
      "equals" in condition
        ? test(OP.equal, condition.equals, 0, past)
        : "hasBits" in condition
          ? test(OP.anyBit, condition.hasBits, 0, past)
          : test(OP.anyBit, condition.lacksBits, past, 0);
    return [load(DATA.argument(condition.argument)), check];
  });
  return [...tests, give(VERDICT.allow)];
}

/**
 * Decides about one system call; expects its number in the accumulator. Other calls continue after these instructions.
 *
 * @param alternatives the call is allowed if all conditions of one of them are met, and refused otherwise
 */
export function decide(number: number, alternatives: Condition[][]): Instruction[] {
  const certain = alternatives.some((conditions) => conditions.length === 0);
  const body = certain ? [give(VERDICT.allow)] : [...alternatives.flatMap(allowIf), give(VERDICT.refuse)];
  return [test(OP.equal, number, 0, body.length), ...body];
}

/** The program as the kernel and bubblewrap take it: an array of `struct sock_filter`. */
export function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(jt, 8 * index + 2);
    bytes.writeUInt8(jf, 8 * index + 3);
    bytes.writeUInt32LE(k, 8 * index + 4);
  }
  return bytes;
}
