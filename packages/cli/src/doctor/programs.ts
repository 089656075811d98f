import type { Check, Finding } from "./check.ts";
import { execute, which } from "./execute.ts";

interface Program {
  name: string;
  package: string;
  what: string;
  /** Missing: can sandboxes run without it, once an image is built? */
  verdict: "warn" | "fail";
  args: string[];
  least?: string;
}

/** The first QEMU whose file-backed memory can be private, writable and read-only on disk at once. */
const OLDEST_QEMU = "8.2";
/** As in guest/go.mod. */
const OLDEST_GO = "1.23";

const PROGRAMS: Program[] = [
  { name: "qemu-system-x86_64", package: "qemu-system-x86", what: "runs the virtual machines", verdict: "fail", args: ["--version"], least: OLDEST_QEMU },
  { name: "qemu-img", package: "qemu-utils", what: "makes their disks", verdict: "fail", args: ["--version"], least: OLDEST_QEMU },
  { name: "bwrap", package: "bubblewrap", what: "is the jail around each machine", verdict: "fail", args: ["--version"] },
  { name: "mmdebstrap", package: "mmdebstrap", what: "builds the guest's root", verdict: "warn", args: ["--version"] },
  { name: "mke2fs", package: "e2fsprogs", what: "makes the guest's file system", verdict: "warn", args: ["-V"] },
  { name: "zstd", package: "zstd", what: "packs the initramfs", verdict: "warn", args: ["--version"] },
  { name: "newuidmap", package: "uidmap", what: "lets the image be built without root", verdict: "warn", args: [] },
  { name: "go", package: "golang-go", what: "builds the guest's agent", verdict: "warn", args: ["version"], least: OLDEST_GO },
];

/** The programs that Sandkeep calls, with their versions. */
export const checkPrograms: Check = (context) =>
  Promise.all(PROGRAMS.map(async (program): Promise<Finding> => {
    // mke2fs stands in /sbin, which is not in everybody's PATH.
    const env = { ...context.env, PATH: `${context.env.PATH ?? ""}:/usr/sbin:/sbin` };
    const file = await which(program.name, env);
    const repair = `run scripts/setup, or: apt-get install ${program.package}${program.least ? " (on Debian 12: --target-release bookworm-backports)" : ""}`;
    if (!file) {
      return { name: program.name, verdict: program.verdict, detail: `not found; it ${program.what}`, repair };
    }
    const { text } = program.args.length ? await execute(file, program.args, env, context.signal) : { text: "" };
    const version = /\d+(\.\d+)+/.exec(text)?.[0];
    if (program.least && (!version || !atLeast(version, program.least))) {
      const detail = `${version ?? "unknown version"} (${file}) is older than ${program.least}; it ${program.what}`;
      return { name: program.name, verdict: program.verdict, detail, repair };
    }
    return { name: program.name, verdict: "ok", detail: version ?? file };
  }));

/** Compares dotted versions, number by number. */
export function atLeast(version: string, least: string): boolean {
  const have = version.split(".").map(Number);
  for (const [i, need] of least.split(".").map(Number).entries()) {
    if ((have[i] ?? 0) !== need) return (have[i] ?? 0) > need;
  }
  return true;
}
