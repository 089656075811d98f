import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Time limit for a script, in milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Runs a shell script as a program that has broken out of QEMU would run: as the process's user, in its namespaces
 * (except that it may start programs, which QEMU's seccomp filter forbids). Returns its output.
 */
export function asIntruder(qemuPid: number, script: string): string {
  const spaces = ["--mount", "--pid", "--net", "--ipc"];
  const enter =
    process.getuid!() === 0
      ? [...spaces, ...become(qemuPid)]
      : ["--user", "--preserve-credentials", ...spaces, "setpriv", "--bounding-set=-all", "--no-new-privs"];
  return output("nsenter", ["--target", String(qemuPid), ...enter, "sh", "-c", script]);
}

/** Runs a shell script as the process's user, outside its jail. Requires root. */
export function asUserOf(qemuPid: number, script: string): string {
  const [file, ...args] = become(qemuPid);
  return output(file!, [...args, "sh", "-c", script]);
}

function become(qemuPid: number): string[] {
  const status = readFileSync(`/proc/${qemuPid}/status`, "utf8");
  const id = (name: string) => new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)![1]!;
  return [
    "setpriv",
    `--reuid=${id("Uid")}`,
    `--regid=${id("Gid")}`,
    "--clear-groups",
    "--bounding-set=-all",
    "--no-new-privs",
  ];
}

function output(file: string, args: string[]): string {
  const { stdout, stderr, error } = spawnSync(file, args, { encoding: "utf8", timeout: TIMEOUT_MS });
  if (error) throw error;
  return stdout + stderr;
}
