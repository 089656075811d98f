import { readdirSync, readFileSync } from "node:fs";
import type { Confinement } from "../contract.ts";

/**
 * Gives up, for good, the rights with which the process loaded its code, and makes sure that none are left. Call it before the first
 * byte from a guest is read.
 *
 * @throws {Error} if any thread still has a right that it must not have
 */
export function confine({ user, filtered }: Confinement): void {
  if (user) {
    process.setgroups!([]);
    process.setgid!(user.gid);
    process.setuid!(user.uid);
  }
  for (const thread of readdirSync("/proc/self/task")) {
    const wrong = remaining(readFileSync(`/proc/self/task/${thread}/status`, "utf8"), { user, filtered });
    if (wrong) throw new Error(`The egress proxy does not start, because its jail is not tight: ${wrong}.`);
  }
}

/** What a thread has too much of, in words; null if nothing. @param status its proc_pid_status(5) */
export function remaining(status: string, { user, filtered }: Confinement): string | null {
  const field = (name: string) => new RegExp(`^${name}:[ \t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "absent";
  const ids = (name: string) => field(name).split(/\s+/);
  if (ids("Uid").includes("0")) return "it is still root";
  if (user && (ids("Uid").some((id) => id !== String(user.uid)) || ids("Gid").some((id) => id !== String(user.gid))))
    return "it is not its own user";
  if (user && field("Groups") !== "") return `it has the groups ${field("Groups")}`;
  // The inheritable set gives nothing: it counts when a program with capabilities of its own is executed, and no privilege can be gained.
  const capable = ["CapPrm", "CapEff", "CapAmb"].find((name) => !/^0+$/.test(field(name)));
  if (capable) return `it has the capabilities ${capable} ${field(capable)}`;
  if (field("NoNewPrivs") !== "1") return "it could gain privileges";
  return filtered && field("Seccomp") !== "2" ? "it has no seccomp filter" : null;
}
