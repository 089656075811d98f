/**
 * The jail made with bubblewrap: its own namespaces (no other processes, no files but its own, and no network unless
 * the plan gives it the host's) and resource limits. As root, each process also gets its own unprivileged uid; without
 * root it runs in a user namespace.
 */
import { existsSync } from "node:fs";
import { become, loadingCapabilities } from "./become.ts";
import { type Jail, type JailPlan, limited, REPORT_FD } from "./jail.ts";

export function fullJail(plan: JailPlan): Jail {
  const options = [...namespaces(plan), ...environment(plan), ...files(plan), "--remount-ro", "/", "--chdir", "/"];
  // The command line of a machine's jail names the machine's folder, by which it is found when its start is interrupted.
  const hidden = plan.system === "bare";
  const inputs = [
    ...(hidden ? [Buffer.from(options.map((option) => `${option}\0`).join(""))] : []),
    ...(plan.filter ? [plan.filter] : []),
  ];
  const descriptor = (input: Buffer | undefined | null) => String(plan.firstDescriptor + inputs.indexOf(input!));
  const user = plan.becomesUserItself ? null : plan.user;
  return {
    name: (path) => path,
    descriptors: [],
    inputs,
    reportsPid: true,
    wrap: (command) => [
      ...limited(plan),
      "bwrap",
      ...(hidden ? ["--args", descriptor(inputs[0])] : options),
      ...(plan.filter ? ["--seccomp", descriptor(plan.filter)] : []),
      "--",
      ...(user ? become(user) : []),
      ...command,
    ],
    async [Symbol.asyncDispose]() {},
  };
}

function namespaces({ user, network, outlivesServer, becomesUserItself }: JailPlan): string[] {
  return [
    ...(user ? [] : ["--unshare-user"]),
    "--unshare-ipc",
    "--unshare-pid",
    ...(network === "none" ? ["--unshare-net"] : []),
    "--unshare-uts",
    "--unshare-cgroup-try",
    // What ends with the server does so by bubblewrap's own process 1, because the kernel forgets the wish of a process
    // that changes its user.
    outlivesServer ? "--as-pid-1" : "--die-with-parent",
    "--new-session",
    ...(user && becomesUserItself ? keepOnly(loadingCapabilities()) : []),
    "--info-fd",
    String(REPORT_FD),
  ];
}

function keepOnly(capabilities: string[]): string[] {
  return ["--cap-drop", "ALL", ...capabilities.flatMap((name) => ["--cap-add", `cap_${name}`])];
}

function environment({ environment }: JailPlan): string[] {
  return ["--clearenv", ...Object.entries(environment).flatMap(([name, value]) => ["--setenv", name, value])];
}

function files({ files: { readable, writable, code = [], links = {} }, system }: JailPlan): string[] {
  const own = [
    // Otherwise folders on the way to a mount would be accessible to root only.
    ...ancestors([...readable, ...writable, ...code, ...Object.keys(links)]).flatMap((path) => [
      "--perms",
      "0755",
      "--dir",
      path,
    ]),
    ...bind("--ro-bind", [...code, ...readable]),
    ...bind("--bind", writable),
    ...Object.entries(links).flatMap(([path, target]) => ["--symlink", target, path]),
  ];
  if (system === "bare")
    return ["--proc", "/proc", "--perms", "0755", "--dir", "/dev", ...bind("--dev-bind", DEVICES), ...own];
  return [
    ...bind(
      "--ro-bind",
      ["/usr", "/etc/ld.so.cache"].filter((path) => existsSync(path)),
    ),
    ...["lib", "lib64", "bin", "sbin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]),
    "--dev",
    "/dev",
    ...own,
  ];
}

/** The devices of a bare jail. bubblewrap's own `/dev` has a folder to which everybody can write. */
const DEVICES = ["/dev/null", "/dev/urandom"];

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
