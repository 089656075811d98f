import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A script that hangs is given up, in milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Runs a shell script as a program that has broken out of QEMU would run: with the process's user, in its namespaces (except that it
 * may start programs, which QEMU's filter forbids). Gives what it said.
 */
export function asIntruder(qemuPid: number, script: string): string {
  const spaces = ["--mount", "--pid", "--net", "--ipc"];
  const enter =
    process.getuid!() === 0
      ? [...spaces, ...become(qemuPid)]
      : ["--user", "--preserve-credentials", ...spaces, "setpriv", "--bounding-set=-all", "--no-new-privs"];
  return output("nsenter", ["--target", String(qemuPid), ...enter, "sh", "-c", script]);
}

/** Runs a shell script as the process's user, outside its jail. For root only. */
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
