/**
 * The jail made with bubblewrap: its own namespaces (no network, no other processes, no files but its own) and resource
 * limits. As root, each machine also gets its own unprivileged uid; without root it runs in a user namespace.
 */
import { existsSync } from "node:fs";
import { become, type Jail, type JailFiles, LIMITS, REPORT_FD } from "./jail.ts";
import type { JailUser } from "./user.ts";

export function fullJail({ writable, readable }: JailFiles, user: JailUser | null): Jail {
  return {
    name: (path) => path,
    descriptors: [],
    reportsPid: true,
    wrap: (command) => [
      ...LIMITS,
      "bwrap",
      ...(user ? [] : ["--unshare-user"]),
      "--unshare-ipc",
      "--unshare-pid",
      "--unshare-net",
      "--unshare-uts",
      "--unshare-cgroup-try",
      "--as-pid-1",
      "--new-session",
      "--clearenv",
      "--info-fd",
      String(REPORT_FD),
      // A single heap for all of QEMU's threads: they allocate little, and each further heap would cost every machine
      // some memory.
      "--setenv",
      "MALLOC_ARENA_MAX",
      "1",
      ...bind(
        "--ro-bind",
        ["/usr", "/etc/ld.so.cache"].filter((path) => existsSync(path)),
      ),
      ...["lib", "lib64", "bin", "sbin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
      "--dev",
      "/dev",
      // Otherwise folders on the way to a mount would be accessible to root only.
      ...ancestors([...readable, ...writable]).flatMap((path) => ["--perms", "0755", "--dir", path]),
      ...bind("--ro-bind", readable),
      ...bind("--bind", writable),
      "--remount-ro",
      "/",
      "--chdir",
      "/",
      "--",
      ...(user ? become(user) : []),
      ...command,
    ],
    async [Symbol.asyncDispose]() {},
  };
}

function bind(how: string, paths: string[]): string[] {
  return paths.flatMap((path) => [how, path, path]);
}

/** Every folder above the paths, outermost first. */
function ancestors(paths: string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) found.add(path.slice(0, at));
  }
  return [...found].sort();
}
