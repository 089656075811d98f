/**
 * The jail around a QEMU process. It gets files, never a folder that it could write to: nothing that it can make or rename is a
 * name for the host.
 */
import { readFileSync } from "node:fs";
import type { JailUser } from "./user.ts";

/** `full`: namespaces and a user of its own, by bubblewrap. `minimal`: without namespaces, for where none can be made. */
export type JailKind = "full" | "minimal";

/** Absolute paths of files that a jailed process may use. */
export interface JailFiles {
  writable: string[];
  readable: string[];
}

export interface Jail extends AsyncDisposable {
  /** What the process inside calls a file that it was given. */
  name(path: string): string;
  /** The command line that runs a command in the jail. */
  wrap(command: string[]): string[];
  /** Descriptors that the command line needs, to be inherited from {@link JAIL_FD} on. */
  readonly descriptors: number[];
  /** Whether descriptor {@link REPORT_FD} gets JSON with the process's pid; else it is that of the command line itself. */
  readonly reportsPid: boolean;
}

/** Where the jail reports the process's pid. */
export const REPORT_FD = 3;
/** The first descriptor that is the jail's. Those below are QEMU's: monitors, KVM, sockets. */
export const JAIL_FD = 9;

/** Open files of one QEMU process; it needs about thirty. */
const MAX_OPEN_FILES = 512;
/** Largest file it may write: a full 10 GB disk with qcow2's own tables. */
const MAX_FILE_BYTES = 12 * 1024 ** 3;

/** Limits that every jailed process has, as the head of a command line. */
export const LIMITS = ["prlimit", "--core=0", `--nofile=${MAX_OPEN_FILES}`, `--fsize=${MAX_FILE_BYTES}`];

/** Given as text: read as a file it would take one of the descriptors. */
const LAUNCH = readFileSync(new URL("launch.pl", import.meta.url), "utf8");

/**
 * The command line that listens on sockets, given by descriptor, and hands them on to a command in the jail: them, the descriptors
 * that are `given`, those of the jail, and no other that happens to be open.
 */
export function listening(sockets: Record<number, string>, given: number[], jail: Jail, command: string[]): string[] {
  const kept = [...(jail.reportsPid ? [REPORT_FD] : []), ...given, ...jail.descriptors.map((_, n) => JAIL_FD + n)];
  const listeners = Object.entries(sockets).map(([descriptor, path]) => `${descriptor}=${path}`);
  return ["perl", "-e", LAUNCH, "--", kept.sort((a, b) => a - b).join(","), ...listeners, "--", ...jail.wrap(command)];
}

/** Becomes a user for good; without one, nothing changes but that no privilege can be gained. */
export function become(user: JailUser | null): string[] {
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--bounding-set=-all"] : [];
  return ["setpriv", ...identity, "--no-new-privs"];
}
