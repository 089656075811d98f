/**
 * The jail around a QEMU process: bubblewrap gives it namespaces of its own (no network, no other process, no file but
 * its own), and it gets resource limits. As root, each machine also gets an unprivileged uid of its own; without root it
 * lives in a user namespace.
 */
import { existsSync } from "node:fs";

/** Uids for jailed processes when the server is root: one for each machine, so that none may signal or trace another. */
const FIRST_UID = 1_879_048_192;
const UIDS = 65_536;
/** Open files of one QEMU process; it needs about thirty. */
const MAX_OPEN_FILES = 512;
/** Largest file it may write: a full 10 GB disk with qcow2's own tables. */
const MAX_FILE_BYTES = 12 * 1024 ** 3;

/**
 * Runs a command whose memory is not rounded up to huge pages: QEMU asks for them for translated code, of which a machine that
 * does little has little. The setting outlives exec (prctl(2), PR_SET_THP_DISABLE); perl is part of every Debian, and no tool has a switch for it.
 */
const WITHOUT_HUGE_PAGES = ["perl", "-e", "syscall(157, 41, 1, 0, 0, 0); exec {$ARGV[0]} @ARGV or die qq($ARGV[0]: $!\\n)"];

export interface Jail {
  /** Read and write. */
  dir: string;
  /** Read only. */
  readable: string[];
}

let nextUid = Math.floor(Math.random() * UIDS);

/** An unprivileged user for one process; null when we are not root, and the process runs as we do. */
export function jailUser(): JailUser | null {
  if (process.getuid?.() !== 0) return null;
  const uid = FIRST_UID + (nextUid++ % UIDS);
  return { uid, gid: uid };
}

export interface JailUser {
  uid: number;
  gid: number;
}

/** The command line that runs `command` in a jail. File descriptor 3 gets JSON with the process's pid. */
export function jailed(jail: Jail, user: JailUser | null, command: string[]): string[] {
  const binds = (existing: string[]) => existing.filter((path) => existsSync(path)).flatMap((path) => ["--ro-bind", path, path]);
  return [
    ...WITHOUT_HUGE_PAGES,
    "prlimit", "--core=0", `--nofile=${MAX_OPEN_FILES}`, `--fsize=${MAX_FILE_BYTES}`,
    "bwrap",
    ...(user ? [] : ["--unshare-user"]),
    "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
    "--as-pid-1", "--new-session", "--clearenv", "--info-fd", "3",
    // One heap for all of QEMU's threads: they allocate little, and each further one would cost every machine some memory.
    "--setenv", "MALLOC_ARENA_MAX", "1",
    ...binds(["/usr", "/etc/ld.so.cache"]),
    ...["lib", "lib64", "bin", "sbin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
    "--dev", "/dev",
    // Folders on the way to a mount would be root's alone.
    ...ancestors([...jail.readable, jail.dir]).flatMap((path) => ["--perms", "0755", "--dir", path]),
    ...binds(jail.readable),
    "--bind", jail.dir, jail.dir,
    "--chdir", jail.dir,
    "--",
    ...(user ? ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--bounding-set=-all", "--no-new-privs"] : []),
    ...command,
  ];
}

/** Every folder above the paths, the outermost first. */
function ancestors(paths: string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) found.add(path.slice(0, at));
  }
  return [...found].sort();
}
