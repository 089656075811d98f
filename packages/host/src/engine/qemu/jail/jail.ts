/**
 * The jail around a QEMU process. It receives files, never a folder that it can write to, so nothing it creates or
 * renames becomes a path that the host uses.
 */
import { readFileSync } from "node:fs";
import type { JailUser } from "./user.ts";

/**
 * `full`: namespaces and its own user, with bubblewrap. `minimal`: without namespaces, for computers where none can be
 * created.
 */
export type JailKind = "full" | "minimal";

/** Absolute paths of files that a jailed process may use. */
export interface JailFiles {
  writable: string[];
  readable: string[];
}

export interface Jail extends AsyncDisposable {
  /** The path inside the jail of a file that it was given. */
  name(path: string): string;
  /** The command line that runs a command in the jail. */
  wrap(command: string[]): string[];
  /** Descriptors that the command line needs, inherited from {@link JAIL_FD} on. */
  readonly descriptors: number[];
  /**
   * Whether descriptor {@link REPORT_FD} receives JSON with the process's pid; otherwise the pid is that of the command
   * line itself.
   */
  readonly reportsPid: boolean;
}

/** Where the jail reports the process's pid. */
export const REPORT_FD = 3;
/** The first of the jail's own descriptors. The lower ones are QEMU's: monitors, KVM, sockets. */
export const JAIL_FD = 9;

/** Open files of one QEMU process; it needs about thirty. */
const MAX_OPEN_FILES = 512;
/** Largest file it may write: a full 10 GB disk plus qcow2's tables. */
const MAX_FILE_BYTES = 12 * 1024 ** 3;

/** Limits of every jailed process, as the beginning of a command line. */
export const LIMITS = ["prlimit", "--core=0", `--nofile=${MAX_OPEN_FILES}`, `--fsize=${MAX_FILE_BYTES}`];

/** Passed as text: reading it from a file would take one of the descriptors. */
const LAUNCH = readFileSync(new URL("launch.pl", import.meta.url), "utf8");

/**
 * The command line that listens on sockets, given by descriptor, and passes them to a command in the jail, with the
 * `given` descriptors and the jail's own. Any other open descriptor is closed.
 */
export function listening(sockets: Record<number, string>, given: number[], jail: Jail, command: string[]): string[] {
  const kept = [...(jail.reportsPid ? [REPORT_FD] : []), ...given, ...jail.descriptors.map((_, n) => JAIL_FD + n)];
  const listeners = Object.entries(sockets).map(([descriptor, path]) => `${descriptor}=${path}`);
  return ["perl", "-e", LAUNCH, "--", kept.sort((a, b) => a - b).join(","), ...listeners, "--", ...jail.wrap(command)];
}

/** Changes to a user permanently; without one, only makes sure that no privilege can be gained. */
export function become(user: JailUser | null): string[] {
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--bounding-set=-all"] : [];
  return ["setpriv", ...identity, "--no-new-privs"];
}
