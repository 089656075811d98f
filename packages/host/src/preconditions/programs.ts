import { pathWithGo } from "../image/build/agent.ts";
import { execute, which } from "./execute.ts";
import type { Finding, Surroundings } from "./finding.ts";

/** What a program is needed for. Without an image tool, machines still run if an image exists. */
export type Need = "machines" | "image" | "rootless image";

interface Program {
  name: string;
  package: string;
  what: string;
  need: Need;
  args: string[];
  least?: string;
}

/** The first QEMU that supports file-backed memory that is private, writable and read-only on disk at once. */
const OLDEST_QEMU = "8.2";
/** As in guest/go.mod. */
const OLDEST_GO = "1.23";

const PROGRAMS: Program[] = [
  {
    name: "qemu-system-x86_64",
    package: "qemu-system-x86",
    what: "runs the virtual machines",
    need: "machines",
    args: ["--version"],
    least: OLDEST_QEMU,
  },
  {
    name: "qemu-img",
    package: "qemu-utils",
    what: "makes their disks",
    need: "machines",
    args: ["--version"],
    least: OLDEST_QEMU,
  },
  {
    name: "bwrap",
    package: "bubblewrap",
    what: "is the jail around each machine and egress proxy",
    need: "machines",
    args: ["--version"],
  },
  {
    name: "setpriv",
    package: "util-linux",
    what: "gives each machine a user of its own",
    need: "machines",
    args: ["--version"],
  },
  { name: "perl", package: "perl-base", what: "starts each machine and egress proxy", need: "machines", args: [] },
  {
    name: "mmdebstrap",
    package: "mmdebstrap",
    what: "builds the guest's root disk",
    need: "image",
    args: ["--version"],
  },
  {
    name: "mke2fs",
    package: "e2fsprogs",
    what: "makes the file systems of guests and volumes",
    need: "image",
    args: ["-V"],
  },
  { name: "zstd", package: "zstd", what: "unpacks kernel modules", need: "image", args: ["--version"] },
  {
    name: "newuidmap",
    package: "uidmap",
    what: "allows building the image without root",
    need: "rootless image",
    args: [],
  },
  {
    name: "go",
    package: "golang-go",
    what: "builds the guest agent",
    need: "image",
    args: ["version"],
    least: OLDEST_GO,
  },
];

/** The programs that Sandkeep runs, with their versions. */
export function findPrograms(
  { env, jail, signal }: Surroundings,
  needs: Need[] = ["machines", "image", "rootless image"],
): Promise<Finding[]> {
  const wanted = PROGRAMS.filter(({ name, need }) => needs.includes(need) && !(name === "bwrap" && jail === "minimal"));
  return Promise.all(
    wanted.map(async (program): Promise<Finding> => {
      const verdict = program.need === "machines" ? "fail" : "warn";
      // mke2fs is in /sbin, which is not in every user's PATH, and Go is where its own archive installs it.
      const path = { ...env, PATH: `${pathWithGo(env.PATH ?? "")}:/usr/sbin:/sbin` };
      const file = await which(program.name, path);
      const repair = `run scripts/setup, or: apt-get install ${program.package}${program.least ? " (on Debian 12: --target-release bookworm-backports)" : ""}`;
      if (!file) return { name: program.name, verdict, detail: `not found; it ${program.what}`, repair };
      const { text } = program.args.length ? await execute(file, program.args, path, signal) : { text: "" };
      const version = /\d+(\.\d+)+/.exec(text)?.[0];
      if (program.least && (!version || !atLeast(version, program.least))) {
        const detail = `${version ?? "unknown version"} (${file}) is older than ${program.least}; it ${program.what}`;
        return { name: program.name, verdict, detail, repair };
      }
      return { name: program.name, verdict: "ok", detail: version ?? file };
    }),
  );
}

/** Compares dotted versions numerically. */
export function atLeast(version: string, least: string): boolean {
  const have = version.split(".").map(Number);
  for (const [i, need] of least.split(".").map(Number).entries()) {
    if ((have[i] ?? 0) !== need) return (have[i] ?? 0) > need;
  }
  return true;
}
