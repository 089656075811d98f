/**
 * The jail around a QEMU process. It receives files, never a folder that it can write to, so nothing it creates or
 * renames becomes a path that the host uses.
 */
import { readFileSync } from "node:fs";
import {
  attributesFilter,
  CLOSE_OTHERS,
  type Jail,
  type JailFiles,
  type JailPlan,
  type JailUser,
  REPORT_FD,
} from "@sandkeep/jail";
import { initialFileLimits } from "../slots/file-limit.ts";

/** The first of the jail's own descriptors. The lower ones are QEMU's: monitors, KVM, sockets. */
export const JAIL_FD = 10;

/** Open files of one QEMU process: about thirty, and one for each layer of its disks, of which nine can have fifty each. */
const MAX_OPEN_FILES = 1_024;

/** It has layers that others read too, and without root they have its user. */
const FILTER = attributesFilter();

/** Everything that a machine's process gets. */
export function machinePlan(files: JailFiles, user: JailUser | null): JailPlan {
  return {
    files,
    user,
    system: "programs",
    outlivesServer: true,
    network: "none",
    // A single heap for all of QEMU's threads: they allocate little, and each further heap would cost every machine some
    // memory.
    environment: { MALLOC_ARENA_MAX: "1" },
    openFiles: MAX_OPEN_FILES,
    ...initialFileLimits(user !== null),
    filter: FILTER,
    firstDescriptor: JAIL_FD,
  };
}

/** Passed as text: reading it from a file would take one of the descriptors. */
const LAUNCH = readFileSync(new URL("launch.pl", import.meta.url), "utf8");

/**
 * The command line that listens on sockets, given by descriptor, and passes them to a command in the jail, with the
 * `given` descriptors and the jail's own. Any other open descriptor is closed.
 */
export function listening(sockets: Record<number, string>, given: number[], jail: Jail, command: string[]): string[] {
  const own = [...jail.descriptors, ...jail.inputs].map((_, n) => JAIL_FD + n);
  const kept = [...(jail.reportsPid ? [REPORT_FD] : []), ...given, ...own];
  const listeners = Object.entries(sockets).map(([descriptor, path]) => `${descriptor}=${path}`);
  const program = `${CLOSE_OTHERS}${LAUNCH}`;
  return ["perl", "-e", program, "--", kept.sort((a, b) => a - b).join(","), ...listeners, "--", ...jail.wrap(command)];
}
