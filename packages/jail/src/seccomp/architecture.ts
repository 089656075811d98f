/** What filters have in common: which architecture's calls they decide about, and whether this computer can have one. */
import { existsSync } from "node:fs";
import { assemble, DATA, give, type Instruction, load, OP, test, VERDICT } from "./bpf.ts";

export type Architecture = "x64" | "arm64";

/** Architectures as the kernel's audit names them (linux/audit.h). */
const AUDIT: Record<Architecture, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };
/** x86-64 has a second set of numbers for the x32 ABI, with this bit. */
const X32_BIT = 0x40000000;

/** A program whose rules see the number of a call of this architecture, and of no other, in the accumulator. */
export function programFor(architecture: Architecture, rules: Instruction[]): Instruction[] {
  return [
    load(DATA.architecture),
    test(OP.equal, AUDIT[architecture], 1, 0),
    give(VERDICT.killProcess),
    load(DATA.number),
    ...(architecture === "x64" ? [test(OP.atLeast, X32_BIT, 0, 1), give(VERDICT.refuse)] : []),
    ...rules,
  ];
}

/** The filter for a computer; null if its kernel has no seccomp filters, or the architecture is unknown. */
export function assembled(
  program: (architecture: Architecture) => Instruction[],
  architecture: string = process.arch,
  available = hasSeccomp(),
): Buffer | null {
  if (!available || !Object.hasOwn(AUDIT, architecture)) return null;
  return assemble(program(architecture as Architecture));
}

function hasSeccomp(): boolean {
  return existsSync("/proc/sys/kernel/seccomp/actions_avail");
}
