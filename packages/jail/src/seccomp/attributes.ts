/**
 * A seccomp filter for programs that get descriptors of files that are not theirs to change: nothing changes a file's
 * owner, permissions, times, flags or extended attributes. Without root the program has the files' own user, who may do that
 * even to a file that is open only for reading.
 */
import { type Architecture, assembled, programFor } from "./architecture.ts";
import { DATA, give, type Instruction, load, OP, test, VERDICT } from "./bpf.ts";

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
/** The same on all architectures. What io_uring does, no filter sees: it can set extended attributes. */
const YOUNG_CALLS = { io_uring_setup: 425, fchmodat2: 452, setxattrat: 463, removexattrat: 466, file_setattr: 469 };
const IOCTL: Record<Architecture, number> = { x64: 16, arm64: 29 };
/** The same as `file_setattr`, and a file's version (linux/fs.h, and ext4's own number for it). */
const COMMANDS = { setFlags: 0x40086602, fsSetXattr: 0x401c5820, setVersion: 0x40087602, ext4SetVersion: 0x40086604 };
// cspell:enable

const refuseAll = (values: Record<string, number>) =>
  Object.values(values).flatMap((value) => [test(OP.equal, value, 0, 1), give(VERDICT.refuse)]);

/** The program as instructions, for tests. */
export function attributesProgram(architecture: Architecture): Instruction[] {
  const commands = refuseAll(COMMANDS);
  return programFor(architecture, [
    ...refuseAll({ ...CALLS[architecture], ...YOUNG_CALLS }),
    test(OP.equal, IOCTL[architecture], 0, 1 + commands.length),
    load(DATA.argument(1)),
    ...commands,
    give(VERDICT.allow),
  ]);
}

/** The filter for this computer; null if the kernel has no seccomp filters, or the architecture is unknown. */
export function attributesFilter(): Buffer | null {
  return assembled(attributesProgram);
}
