/**
 * A seccomp filter for programs that get descriptors of files that are not theirs to change: nothing changes a file's
 * owner, permissions, times or extended attributes. Without root the program has the files' own user, who may do that
 * even to a file that is open only for reading.
 */
import { type Architecture, assembled, programFor } from "./architecture.ts";
import { give, type Instruction, OP, test, VERDICT } from "./bpf.ts";

// Numbers from the kernel's `asm/unistd.h`.
// cspell:disable
const CALLS: Record<Architecture, Record<string, number>> = {
  // biome-ignore format: a table
  x64: {
    chmod: 90, fchmod: 91, chown: 92, fchown: 93, lchown: 94, fchownat: 260, fchmodat: 268, utime: 132, utimes: 235, futimesat: 261,
    utimensat: 280, setxattr: 188, lsetxattr: 189, fsetxattr: 190, removexattr: 197, lremovexattr: 198, fremovexattr: 199,
  },
  // biome-ignore format: a table
  arm64: {
    fchmod: 52, fchmodat: 53, fchownat: 54, fchown: 55, utimensat: 88, setxattr: 5, lsetxattr: 6, fsetxattr: 7, removexattr: 14,
    lremovexattr: 15, fremovexattr: 16,
  },
};
/** The same on all architectures. */
const YOUNG_CALLS = { fchmodat2: 452, setxattrat: 463, removexattrat: 466, file_setattr: 469 };
// cspell:enable

/** The program as instructions, for tests. */
export function attributesProgram(architecture: Architecture): Instruction[] {
  const refused = Object.values({ ...CALLS[architecture], ...YOUNG_CALLS });
  return programFor(architecture, [
    ...refused.flatMap((number) => [test(OP.equal, number, 0, 1), give(VERDICT.refuse)]),
    give(VERDICT.allow),
  ]);
}

/** The filter for this computer; null if the kernel has no seccomp filters, or the architecture is unknown. */
export function attributesFilter(): Buffer | null {
  return assembled(attributesProgram);
}
